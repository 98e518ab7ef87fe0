#include "contract/expression_functions.h"

#include "absl/strings/match.h"
#include "base/strings.h"

namespace sluice::contract {
namespace {

constexpr uint32_t kNumbers = Accepts(ValueType::kInteger) | Accepts(ValueType::kNumber);
constexpr uint32_t kText = Accepts(ValueType::kString);
constexpr uint32_t kInterval = Accepts(ValueType::kInterval);
constexpr uint32_t kTimestamp = Accepts(ValueType::kTimestamp);
constexpr uint32_t kDays = Accepts(ValueType::kDate) | kTimestamp;
constexpr uint32_t kClock = Accepts(ValueType::kTime) | kTimestamp;
constexpr uint32_t kArray = Accepts(ValueType::kArray);
constexpr TimePart kNoPart = TimePart::kYear;

constexpr Function kFunctions[] = {
    {"abs", Op::kAbs, kNoPart, 1, kNumbers | kInterval, "a number", ValueType::kNull},
    {"multiple_of", Op::kMultipleOf, kNoPart, 2, kNumbers, "a number", ValueType::kBoolean},
    {"length", Op::kLength, kNoPart, 1, kText, "text", ValueType::kInteger},
    {"lower", Op::kLower, kNoPart, 1, kText, "text", ValueType::kString},
    {"upper", Op::kUpper, kNoPart, 1, kText, "text", ValueType::kString},
    {"trim", Op::kTrim, kNoPart, 1, kText, "text", ValueType::kString},
    {"cardinality", Op::kCardinality, kNoPart, 1, kArray, "an array", ValueType::kInteger},
    {"unique_items", Op::kUniqueItems, kNoPart, 1, kArray, "an array", ValueType::kBoolean},
    {"coalesce", Op::kCoalesce, kNoPart, kAnyNumber, ~0u, "a value", ValueType::kNull},
    {"date", Op::kDate, kNoPart, 1, kDays, "a timestamp", ValueType::kDate},
    {"time", Op::kTime, kNoPart, 1, kTimestamp, "a timestamp", ValueType::kTime},
    {"seconds", Op::kSeconds, kNoPart, 1, kDays | kClock | kInterval, "a timestamp",
     ValueType::kNumber},
    {"year", Op::kPart, TimePart::kYear, 1, kDays, "a date", ValueType::kInteger},
    {"quarter", Op::kPart, TimePart::kQuarter, 1, kDays, "a date", ValueType::kInteger},
    {"month", Op::kPart, TimePart::kMonth, 1, kDays, "a date", ValueType::kInteger},
    {"day", Op::kPart, TimePart::kDay, 1, kDays, "a date", ValueType::kInteger},
    {"isodow", Op::kPart, TimePart::kIsoDayOfWeek, 1, kDays, "a date", ValueType::kInteger},
    {"doy", Op::kPart, TimePart::kDayOfYear, 1, kDays, "a date", ValueType::kInteger},
    {"hour", Op::kPart, TimePart::kHour, 1, kClock, "a timestamp", ValueType::kInteger},
    {"minute", Op::kPart, TimePart::kMinute, 1, kClock, "a timestamp", ValueType::kInteger},
    {"second", Op::kPart, TimePart::kSecond, 1, kClock, "a timestamp", ValueType::kInteger},
};

struct Advice {
  std::string_view name;
  std::string_view text;
};
constexpr std::string_view kNoClock =
    "; a rule has no clock, so that it says the same whenever it is asked: _timestamp is the time "
    "Kafka has for the record";
constexpr std::string_view kDifference =
    "; write the difference as a - b, and compare it with interval '10 minutes' or take seconds(a "
    "- b)";
constexpr std::string_view kWeekday = "; isodow(t) is 1 on Monday and 7 on Sunday";
constexpr std::string_view kCardinality = "; write cardinality(a)";
constexpr std::string_view kItems =
    "; rules do not look into an array: there are cardinality(a), unique_items(a) and a is null";
constexpr Advice kAdvice[] = {
    {"now", kNoClock},
    {"current_timestamp", kNoClock},
    {"current_date", kNoClock},
    {"current_time", kNoClock},
    {"datediff", kDifference},
    {"date_diff", kDifference},
    {"timestampdiff", kDifference},
    {"dayofweek", kWeekday},
    {"weekday", kWeekday},
    {"dow", kWeekday},
    {"ilike", "; write lower(s) like 'a%'"},
    {"rlike", "; write s matches '^a'"},
    {"regexp", "; write s matches '^a'"},
    {"ifnull", "; write coalesce(a, b)"},
    {"nvl", "; write coalesce(a, b)"},
    {"if", "; write case when a then b else c end"},
    {"len", "; write length(s)"},
    {"char_length", "; write length(s)"},
    {"lcase", "; write lower(s)"},
    {"ucase", "; write upper(s)"},
    {"mod", "; write a % b"},
    {"array_length", kCardinality},
    {"array_size", kCardinality},
    {"size", kCardinality},
    {"any", kItems},
    {"all", kItems},
    {"array_contains", kItems},
    {"unnest", kItems},
};

}  // namespace

absl::Span<const Function> Functions() { return kFunctions; }

const Function* FindFunction(std::string_view name) {
  for (const Function& function : kFunctions) {
    if (absl::EqualsIgnoreCase(AbslView(function.name), AbslView(name))) return &function;
  }
  return nullptr;
}

const Function* FunctionOf(const Expression& e) {
  for (const Function& function : kFunctions) {
    if (function.op == e.op && (e.op != Op::kPart || function.part == e.part)) return &function;
  }
  return nullptr;
}

std::string_view AdviceFor(std::string_view name) {
  for (const Advice& advice : kAdvice) {
    if (absl::EqualsIgnoreCase(AbslView(advice.name), AbslView(name))) return advice.text;
  }
  return "";
}

}  // namespace sluice::contract
