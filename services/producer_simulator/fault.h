#pragma once
// The faults the simulator can make: one table, from which flags, profile, metrics, truth file and
// tests follow. A new fault: one line here, one in fault.cc's table, and a case in
// fault_injector.cc unless it is made of variants.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "batch/verdict.h"

namespace sluice::producer_simulator {

enum class Fault : uint8_t {
  kNone = 0,
  // Corrupt by form.
  kBrokenJson,
  kBadUtf8,
  kByteOrderMark,
  kNotAnObject,
  kDuplicateKey,
  kNulCharacter,
  kEmptyValue,
  kOversize,
  kOversizeKey,
  kTooDeep,
  kBadRecordTimestamp,
  // Corrupt by content: made of the profile's variants.
  kMissingField,
  kExtraField,
  kWrongType,
  kHugeNumber,
  kBadTimestamp,
  kBadDate,
  // Failing: made of the profile's variants.
  kNull,
  kOutOfRange,
  kContradiction,
  // Neither.
  kFinding,  ///< breaks warnings only; made of variants
  kTombstone,
  kDuplicate,
  kLate,
};
inline constexpr size_t kFaultCount = 25;

struct FaultKind {
  std::string_view label;  ///< in the truth file, flags and metrics; empty for kNone
  batch::Verdict verdict = batch::Verdict::kClean;
  std::optional<batch::Reason> reason;
  bool of_variants = false;  ///< what is changed, and which rules it breaks, is in the profile
  uint32_t default_ppm = 0;  ///< share of all records, in millionths
};
const FaultKind& Describe(Fault fault);
std::optional<Fault> ParseFault(std::string_view label);
/// All labels, in the order of the table.
std::vector<std::string_view> FaultLabels();

/// Share of each fault in millionths of all records.
class FaultMix {
 public:
  /// No faults.
  FaultMix() = default;
  static FaultMix Default();

  /// kInvalidArgument: all shares together above 1.
  absl::Status Set(Fault fault, uint32_t ppm);
  uint32_t ppm(Fault fault) const { return ppm_[static_cast<size_t>(fault)]; }
  /// By label, without those that are 0.
  std::map<std::string, double> Shares() const;
  /// What a record gets whose hash is this.
  Fault Pick(uint64_t hash) const;

  bool operator==(const FaultMix&) const = default;

 private:
  std::array<uint32_t, kFaultCount> ppm_{};
  uint32_t total_ = 0;
};

/// `0.3%`, `0.003`: a share in millionths. kInvalidArgument otherwise.
absl::StatusOr<uint32_t> ParseShare(std::string_view text);
/// A share of 0 to 1 in millionths.
absl::StatusOr<uint32_t> ToPpm(double share);

}  // namespace sluice::producer_simulator
