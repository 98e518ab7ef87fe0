#include "sample/member_facts.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"
#include "contract/expression_text.h"
#include "contract/timestamp.h"
#include "record/json_scanner.h"
#include "record/time_parser.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

using contract::LogicalType;

constexpr Types kAll = Bit(LogicalType::kString) | Bit(LogicalType::kInteger) |
                       Bit(LogicalType::kNumber) | Bit(LogicalType::kBoolean) |
                       Bit(LogicalType::kDate) | Bit(LogicalType::kTimestamp) |
                       Bit(LogicalType::kTime);

// From the narrowest.
constexpr LogicalType kByNarrowness[] = {
    LogicalType::kBoolean,   LogicalType::kInteger, LogicalType::kNumber, LogicalType::kDate,
    LogicalType::kTimestamp, LogicalType::kTime,    LogicalType::kString};

// A text is taken for an enumeration when it has at most so many values ...
constexpr size_t kFewValues = 12;
// ... of at most so many bytes, each seen so often on average.
constexpr size_t kShortValue = 40;
constexpr int64_t kSeenEach = 20;

}  // namespace

void MemberFacts::Add(Types fits) {
  ++values_;
  fits_ &= fits;
}

void MemberFacts::AddBoolean() { Add(Bit(LogicalType::kBoolean)); }

ObjectFacts* MemberFacts::AddObject() {
  Add(0);
  ++objects_;
  if (object_ == nullptr) object_ = std::make_unique<ObjectFacts>();
  return object_.get();
}

MemberFacts* MemberFacts::AddArray() {
  Add(0);
  ++arrays_;
  if (items_ == nullptr) items_ = std::make_unique<MemberFacts>(name_);
  return items_.get();
}

void MemberFacts::AddUnfit(std::string_view why) {
  Add(0);
  unfit_ = why;
}

void MemberFacts::AddNumber(std::string_view token) { Add(TypesOfNumber(token)); }

void MemberFacts::AddText(std::string_view text) { Add(TypesOfText(text)); }

void MemberFacts::AddCell(std::string_view text) {
  Types fits = TypesOfText(text);
  if (IsJsonNumber(text)) fits |= TypesOfNumber(text);
  if (absl::EqualsIgnoreCase(AbslView(text), "true") ||
      absl::EqualsIgnoreCase(AbslView(text), "false")) {
    fits |= Bit(LogicalType::kBoolean);
  }
  Add(fits);
}

Types MemberFacts::TypesOfNumber(std::string_view token) {
  double number = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), number);
  if (read.ec != std::errc() || !std::isfinite(number)) return 0;
  if (number == 0 && record::HasNonZeroDigit(token)) return 0;
  smallest_ = numbers_ == 0 ? number : std::min(smallest_, number);
  largest_ = numbers_ == 0 ? number : std::max(largest_, number);
  ++numbers_;
  int64_t integer = 0;
  const auto whole = std::from_chars(token.data(), token.data() + token.size(), integer);
  const bool is_integer = whole.ec == std::errc() && whole.ptr == token.data() + token.size();
  return Bit(LogicalType::kNumber) | (is_integer ? Bit(LogicalType::kInteger) : 0);
}

Types MemberFacts::TypesOfText(std::string_view text) {
  longest_ = std::max(longest_, text.size());
  Remember(text);
  int32_t days = 0;
  int64_t micros = 0;
  Types fits = text.find('\0') == std::string_view::npos ? Bit(LogicalType::kString) : 0;
  if (record::ParseDate(text, &days)) fits |= Bit(LogicalType::kDate);
  if (record::ParseTimestamp(text, &micros)) fits |= Bit(LogicalType::kTimestamp);
  if (contract::ParseTimeOfDay(text, &micros)) fits |= Bit(LogicalType::kTime);
  return fits;
}

void MemberFacts::Remember(std::string_view text) {
  if (many_values_) return;
  const bool plain = text.size() <= kShortValue && !text.empty() &&
                     std::all_of(text.begin(), text.end(), absl::ascii_isprint);
  if (plain) ++few_values_[std::string(text)];
  many_values_ = !plain || few_values_.size() > kFewValues;
}

std::optional<LogicalType> MemberFacts::Type() const {
  if (values_ == 0) return LogicalType::kString;
  for (const LogicalType type : kByNarrowness) {
    if ((fits_ & kAll & Bit(type)) != 0) return type;
  }
  return std::nullopt;
}

std::string MemberFacts::WhyNoType() const {
  return !unfit_.empty() ? unfit_ : "its values have no type in common, or none that can be stored";
}

const ObjectFacts* MemberFacts::Object() const {
  return values_ > 0 && objects_ == values_ && unfit_.empty() ? object_.get() : nullptr;
}

const MemberFacts* MemberFacts::Items() const {
  return values_ > 0 && arrays_ == values_ && unfit_.empty() ? items_.get() : nullptr;
}

MemberFacts* ObjectFacts::Find(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

MemberFacts* ObjectFacts::Add(std::string_view name) {
  MemberFacts& facts = members_.emplace_back(name);
  by_name_.emplace(facts.name(), &facts);
  return &facts;
}

std::vector<std::string> MemberFacts::FewValues() const {
  std::vector<std::string> values;
  if (many_values_ || Type() != LogicalType::kString) return values;
  if (values_ < kSeenEach * static_cast<int64_t>(few_values_.size())) return values;
  for (const auto& [value, count] : few_values_) values.push_back(value);
  return values;
}

std::string MemberFacts::Seen() const {
  if (values_ == 0) return "only null";
  switch (*Type()) {
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      return Concat(contract::NumberText(smallest_), " to ", contract::NumberText(largest_));
    case LogicalType::kString:
      return Concat("up to ", longest_, " bytes");
    default:
      return "";
  }
}

}  // namespace sluice::sample
