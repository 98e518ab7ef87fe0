#pragma once
// The rule language once more, one row and one value at a time: slow, obvious, and sharing nothing
// with the evaluator but the table of letters, which has a test of its own.

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/civil_time.h"
#include "contract/contract.h"
#include "re2/re2.h"
#include "rules/letter_case.h"

namespace sluice::rules {

/// Null, boolean, integer (dates, timestamps, times and intervals too), number, text.
using TestValue = std::variant<std::monostate, bool, int64_t, double, std::string>;

struct TestRow {
  std::vector<TestValue> columns;
  TestValue timestamp_micros;
};

class Interpreter {
 public:
  explicit Interpreter(const TestRow& row) : row_(row) {}

  TestValue Value(const contract::Expression& e) const { return Evaluate(e); }

  /// Whether the record breaks the rule: the condition is false, and not null.
  bool Breaks(const contract::Expression& condition) const {
    const TestValue result = Evaluate(condition);
    return !IsNull(result) && !std::get<bool>(result);
  }

 private:
  using Expression = contract::Expression;
  using Op = contract::Op;
  using ValueType = contract::ValueType;
  static constexpr int64_t kDay = 86'400'000'000;

  static bool IsNull(const TestValue& value) {
    return std::holds_alternative<std::monostate>(value);
  }
  static double Number(const TestValue& value) {
    return std::holds_alternative<double>(value) ? std::get<double>(value)
                                                 : static_cast<double>(std::get<int64_t>(value));
  }
  static int64_t Saturate(__int128 value) {
    if (value > INT64_MAX) return INT64_MAX;
    if (value < INT64_MIN) return INT64_MIN;
    return static_cast<int64_t>(value);
  }

  /// -1, 0, 1, or 2 when there is no order (NaN).
  static int Order(TestValue a, ValueType a_type, TestValue b, ValueType b_type) {
    if (a_type == ValueType::kDate && b_type == ValueType::kTimestamp)
      a = Saturate(__int128{std::get<int64_t>(a)} * kDay);
    if (b_type == ValueType::kDate && a_type == ValueType::kTimestamp)
      b = Saturate(__int128{std::get<int64_t>(b)} * kDay);
    if (std::holds_alternative<std::string>(a)) {
      const int order = std::get<std::string>(a).compare(std::get<std::string>(b));
      return order < 0 ? -1 : order > 0;
    }
    if (std::holds_alternative<bool>(a)) return int{std::get<bool>(a)} - int{std::get<bool>(b)};
    if (std::holds_alternative<int64_t>(a) && std::holds_alternative<int64_t>(b)) {
      return std::get<int64_t>(a) < std::get<int64_t>(b)
                 ? -1
                 : std::get<int64_t>(a) > std::get<int64_t>(b);
    }
    const double x = Number(a), y = Number(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }

  static bool Holds(Op op, int order) {
    switch (op) {
      case Op::kEqual:
        return order == 0;
      case Op::kNotEqual:
        return order != 0;
      case Op::kLess:
        return order == -1;
      case Op::kLessEqual:
        return order == -1 || order == 0;
      case Op::kGreater:
        return order == 1;
      default:
        return order == 1 || order == 0;
    }
  }

  TestValue Compare(Op op, const Expression& a, const Expression& b) const {
    const TestValue left = Evaluate(a), right = Evaluate(b);
    if (IsNull(left) || IsNull(right)) return {};
    return Holds(op, Order(left, a.type, right, b.type));
  }

  TestValue Logic(const std::vector<TestValue>& args, bool decisive) const {
    bool any_null = false;
    for (const TestValue& arg : args) {
      if (IsNull(arg))
        any_null = true;
      else if (std::get<bool>(arg) == decisive)
        return decisive;
    }
    if (any_null) return {};
    return !decisive;
  }

  TestValue Arithmetic(const Expression& e) const {
    const bool times = e.type == ValueType::kTimestamp || e.type == ValueType::kInterval;
    const TestValue a = times ? AsTimestamp(e.args[0]) : Evaluate(e.args[0]);
    const TestValue b = times ? AsTimestamp(e.args[1]) : Evaluate(e.args[1]);
    if (IsNull(a) || IsNull(b)) return {};
    if (e.type == ValueType::kInteger || times) {
      const __int128 x = std::get<int64_t>(a), y = std::get<int64_t>(b);
      if (e.op == Op::kModulo && y == 0) return {};
      if (e.op == Op::kModulo) return static_cast<int64_t>(x % y);
      return Saturate(e.op == Op::kAdd ? x + y : e.op == Op::kSubtract ? x - y : x * y);
    }
    const double x = Number(a), y = Number(b);
    switch (e.op) {
      case Op::kAdd:
        return x + y;
      case Op::kSubtract:
        return x - y;
      case Op::kMultiply:
        return x * y;
      case Op::kModulo:
        return y == 0 ? TestValue() : TestValue(std::fmod(x, y));
      default:
        return y == 0 ? TestValue() : TestValue(x / y);
    }
  }

  /// A date as its midnight, everything else as it is.
  TestValue AsTimestamp(const Expression& e) const {
    const TestValue value = Evaluate(e);
    if (IsNull(value) || e.type != ValueType::kDate) return value;
    return Saturate(__int128{std::get<int64_t>(value)} * kDay);
  }

  /// `e` where a value of `type` is asked for.
  TestValue As(const Expression& e, ValueType type) const {
    if (type == ValueType::kTimestamp) return AsTimestamp(e);
    const TestValue value = Evaluate(e);
    if (IsNull(value) || type != ValueType::kNumber) return value;
    return Number(value);
  }

  TestValue Case(const Expression& e) const {
    size_t i = 0;
    for (; i + 1 < e.args.size(); i += 2) {
      const TestValue when = Evaluate(e.args[i]);
      if (!IsNull(when) && std::get<bool>(when)) return As(e.args[i + 1], e.type);
    }
    return i < e.args.size() ? As(e.args[i], e.type) : TestValue();
  }

  TestValue Coalesce(const Expression& e) const {
    for (const Expression& arg : e.args) {
      const TestValue value = As(arg, e.type);
      if (!IsNull(value)) return value;
    }
    return {};
  }

  static std::vector<std::string> Characters(const std::string& text) {
    std::vector<std::string> characters;
    for (size_t i = 0; i < text.size(); i += characters.back().size()) {
      const unsigned char c = text[i];
      characters.push_back(text.substr(i, c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4));
    }
    return characters;
  }

  /// By trying: row `p` says whether the first characters of the text fit the first p parts of the
  /// pattern.
  static bool Like(const std::string& text, const std::string& pattern) {
    const std::vector<std::string> characters = Characters(text);
    const std::vector<std::string> parts = Characters(pattern);
    std::vector<bool> fits(characters.size() + 1, false);
    fits[0] = true;
    for (size_t p = 0; p < parts.size(); ++p) {
      std::vector<bool> next(fits.size(), false);
      const bool escaped = parts[p] == "\\";
      if (escaped) ++p;
      for (size_t i = 0; i < fits.size(); ++i) {
        if (!escaped && parts[p] == "%") {
          next[i] = fits[i] || (i > 0 && next[i - 1]);
        } else if (i > 0 && fits[i - 1]) {
          next[i] = (!escaped && parts[p] == "_") || characters[i - 1] == parts[p];
        }
      }
      fits = next;
    }
    return fits.back();
  }

  static std::string Trim(std::string text) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    while (!text.empty() && text.front() == ' ') text.erase(0, 1);
    return text;
  }

  static TestValue Part(contract::TimePart part, int64_t value, ValueType type) {
    using contract::TimePart;
    const int64_t days = type == ValueType::kDate ? value : FloorDays(value);
    const int64_t seconds = FloorDivide(value - FloorDays(value) * kDay, 1'000'000);
    const absl::CivilDay day = absl::CivilDay(1970, 1, 1) + days;
    switch (part) {
      case TimePart::kYear:
        return int64_t{day.year()};
      case TimePart::kQuarter:
        return int64_t{(day.month() - 1) / 3 + 1};
      case TimePart::kMonth:
        return int64_t{day.month()};
      case TimePart::kDay:
        return int64_t{day.day()};
      case TimePart::kIsoDayOfWeek:
        return static_cast<int64_t>(absl::GetWeekday(day)) + 1;
      case TimePart::kDayOfYear:
        return int64_t{absl::GetYearDay(day)};
      case TimePart::kHour:
        return seconds / 3600;
      case TimePart::kMinute:
        return seconds / 60 % 60;
      case TimePart::kSecond:
        return seconds % 60;
    }
    return {};
  }

  static int64_t FloorDivide(int64_t value, int64_t by) {
    return static_cast<int64_t>(std::floor(static_cast<long double>(value) / by));
  }
  static int64_t FloorDays(int64_t micros) { return FloorDivide(micros, kDay); }

  TestValue In(const Expression& e) const {
    const TestValue value = Evaluate(e.args[0]);
    if (IsNull(value)) return {};
    for (size_t i = 1; i < e.args.size(); ++i) {
      if (Order(value, e.args[0].type, Evaluate(e.args[i]), e.args[i].type) == 0) return true;
    }
    return false;
  }

  TestValue MultipleOf(const TestValue& value, const TestValue& of) const {
    if (std::holds_alternative<int64_t>(value) && std::holds_alternative<int64_t>(of)) {
      return std::get<int64_t>(value) % std::get<int64_t>(of) == 0;
    }
    const double quotient = Number(value) / Number(of);
    if (!std::isfinite(quotient)) return false;
    return std::fabs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::fabs(quotient));
  }

  TestValue Unary(const Expression& e) const {
    const TestValue value = Evaluate(e.args[0]);
    if (e.op == Op::kIsNull) return IsNull(value);
    if (e.op == Op::kIsNotNull) return !IsNull(value);
    if (IsNull(value)) return {};
    const bool from_date = e.args[0].type == ValueType::kDate;
    switch (e.op) {
      case Op::kNot:
        return !std::get<bool>(value);
      case Op::kNegate:
        if (e.type != ValueType::kNumber) return Saturate(-__int128{std::get<int64_t>(value)});
        return -Number(value);
      case Op::kAbs:
        if (e.type != ValueType::kNumber) {
          const __int128 x = std::get<int64_t>(value);
          return Saturate(x < 0 ? -x : x);
        }
        return std::fabs(Number(value));
      case Op::kMatches:
        return re2::RE2::PartialMatch(std::get<std::string>(value), *e.pattern);
      case Op::kLike:
        return Like(std::get<std::string>(value), std::get<std::string>(e.literal));
      case Op::kLength:
        return static_cast<int64_t>(Characters(std::get<std::string>(value)).size());
      case Op::kLower:
      case Op::kUpper: {
        std::string text;
        if (e.op == Op::kLower) AppendLower(std::get<std::string>(value), &text);
        if (e.op == Op::kUpper) AppendUpper(std::get<std::string>(value), &text);
        return text;
      }
      case Op::kTrim:
        return Trim(std::get<std::string>(value));
      case Op::kDate:
        return from_date ? value : TestValue(FloorDays(std::get<int64_t>(value)));
      case Op::kTime: {
        const int64_t micros = std::get<int64_t>(value);
        return micros - FloorDays(micros) * kDay;
      }
      case Op::kPart:
        return Part(e.part, std::get<int64_t>(value), e.args[0].type);
      default: {  // kSeconds
        const int64_t micros = from_date ? Saturate(__int128{std::get<int64_t>(value)} * kDay)
                                         : std::get<int64_t>(value);
        return static_cast<double>(micros) / 1e6;
      }
    }
  }

  TestValue Evaluate(const Expression& e) const {
    switch (e.op) {
      case Op::kColumn:
        return e.column == contract::kTimestampColumn ? row_.timestamp_micros
                                                      : row_.columns[e.column];
      case Op::kLiteral:
        return std::visit([](const auto& value) { return TestValue(value); }, e.literal);
      case Op::kAnd:
      case Op::kOr: {
        std::vector<TestValue> args;
        for (const Expression& arg : e.args) args.push_back(Evaluate(arg));
        return Logic(args, /*decisive=*/e.op == Op::kOr);
      }
      case Op::kBetween:
        return Logic({Compare(Op::kGreaterEqual, e.args[0], e.args[1]),
                      Compare(Op::kLessEqual, e.args[0], e.args[2])},
                     /*decisive=*/false);
      case Op::kAdd:
      case Op::kSubtract:
      case Op::kMultiply:
      case Op::kDivide:
      case Op::kModulo:
        return Arithmetic(e);
      case Op::kCase:
        return Case(e);
      case Op::kCoalesce:
        return Coalesce(e);
      case Op::kIn:
        return In(e);
      case Op::kMultipleOf: {
        const TestValue value = Evaluate(e.args[0]);
        return IsNull(value) ? TestValue() : MultipleOf(value, Evaluate(e.args[1]));
      }
      case Op::kEqual:
      case Op::kNotEqual:
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kGreater:
      case Op::kGreaterEqual:
        return Compare(e.op, e.args[0], e.args[1]);
      default:
        return Unary(e);
    }
  }

  const TestRow& row_;
};

}  // namespace sluice::rules
