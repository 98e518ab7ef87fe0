#include "producer_simulator/fault.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/hash.h"

namespace sluice::producer_simulator {
namespace {

using batch::Reason;
using batch::Verdict;

constexpr uint32_t kMillion = 1'000'000;

// Corrupt is 2 % and failing 3 % of all records by default.
constexpr std::array<FaultKind, kFaultCount> kKinds = {{
    {"", Verdict::kClean, std::nullopt, false, 0},
    {"broken_json", Verdict::kCorrupt, Reason::kInvalidJson, false, 3380},
    {"bad_utf8", Verdict::kCorrupt, Reason::kInvalidUtf8, false, 1500},
    {"byte_order_mark", Verdict::kCorrupt, Reason::kByteOrderMark, false, 500},
    {"not_an_object", Verdict::kCorrupt, Reason::kNotAnObject, false, 1000},
    {"duplicate_key", Verdict::kCorrupt, Reason::kDuplicateKey, false, 1000},
    {"nul_character", Verdict::kCorrupt, Reason::kNulCharacter, false, 1000},
    {"empty_value", Verdict::kCorrupt, Reason::kEmptyValue, false, 1000},
    {"oversize", Verdict::kCorrupt, Reason::kOversize, false, 20},
    {"oversize_key", Verdict::kCorrupt, Reason::kOversizeKey, false, 100},
    {"too_deep", Verdict::kCorrupt, Reason::kTooDeep, false, 400},
    {"bad_record_timestamp", Verdict::kCorrupt, Reason::kInvalidRecordTimestamp, false, 100},
    {"missing_field", Verdict::kCorrupt, Reason::kMissingField, true, 2500},
    {"extra_field", Verdict::kCorrupt, Reason::kUnknownField, true, 2000},
    {"wrong_type", Verdict::kCorrupt, Reason::kWrongType, true, 2500},
    {"huge_number", Verdict::kCorrupt, Reason::kNumberOutOfRange, true, 500},
    {"bad_timestamp", Verdict::kCorrupt, Reason::kInvalidTimestamp, true, 1500},
    {"bad_date", Verdict::kCorrupt, Reason::kInvalidDate, true, 1000},
    {"null", Verdict::kFailed, std::nullopt, true, 10000},
    {"out_of_range", Verdict::kFailed, std::nullopt, true, 12000},
    {"contradiction", Verdict::kFailed, std::nullopt, true, 8000},
    {"finding", Verdict::kClean, std::nullopt, true, 2000},
    {"tombstone", Verdict::kTombstone, std::nullopt, false, 1000},
    {"duplicate", Verdict::kClean, std::nullopt, false, 5000},
    {"late", Verdict::kClean, std::nullopt, false, 5000},
}};
static_assert(kKinds.back().label == "late", "one line for each fault");

}  // namespace

const FaultKind& Describe(Fault fault) { return kKinds[static_cast<size_t>(fault)]; }

std::optional<Fault> ParseFault(std::string_view label) {
  for (size_t i = 1; i < kFaultCount; ++i) {
    if (kKinds[i].label == label) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> FaultLabels() {
  std::vector<std::string_view> labels;
  for (size_t i = 1; i < kFaultCount; ++i) labels.push_back(kKinds[i].label);
  return labels;
}

FaultMix FaultMix::Default() {
  FaultMix mix;
  for (size_t i = 1; i < kFaultCount; ++i) {
    mix.ppm_[i] = kKinds[i].default_ppm;
    mix.total_ += kKinds[i].default_ppm;
  }
  return mix;
}

absl::Status FaultMix::Set(Fault fault, uint32_t ppm) {
  const uint32_t total = total_ - ppm_[static_cast<size_t>(fault)] + ppm;
  if (ppm > kMillion || total > kMillion) {
    return absl::InvalidArgumentError("the shares of all faults together are above 1");
  }
  ppm_[static_cast<size_t>(fault)] = ppm;
  total_ = total;
  return absl::OkStatus();
}

std::map<std::string, double> FaultMix::Shares() const {
  std::map<std::string, double> shares;
  for (size_t i = 1; i < kFaultCount; ++i) {
    if (ppm_[i] > 0) shares[std::string(kKinds[i].label)] = ppm_[i] / double{kMillion};
  }
  return shares;
}

Fault FaultMix::Pick(uint64_t hash) const {
  uint32_t left = static_cast<uint32_t>(Below(hash, kMillion));
  if (left >= total_) return Fault::kNone;
  for (size_t i = 1; i < kFaultCount; ++i) {
    if (left < ppm_[i]) return static_cast<Fault>(i);
    left -= ppm_[i];
  }
  return Fault::kNone;
}

absl::StatusOr<uint32_t> ToPpm(double share) {
  if (!(share >= 0 && share <= 1)) return absl::InvalidArgumentError("a share is between 0 and 1");
  return static_cast<uint32_t>(std::lround(share * kMillion));
}

absl::StatusOr<uint32_t> ParseShare(std::string_view text) {
  std::string_view digits = text;
  const bool percent = !digits.empty() && digits.back() == '%';
  if (percent) digits.remove_suffix(1);
  double share = 0;
  if (!absl::SimpleAtod(AbslView(digits), &share)) {
    return absl::InvalidArgumentError(
        Concat("\"", text.substr(0, 40), "\" is no share; write 0.3% or 0.003"));
  }
  return ToPpm(percent ? share / 100 : share);
}

}  // namespace sluice::producer_simulator
