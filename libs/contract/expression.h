#pragma once
// The rule language, parsed and type-checked: a small tree over the columns of a contract.
// docs/rules.md has the grammar and what everything means.
//
// Every operation is total: integers saturate instead of overflowing, `/` always gives a number,
// division by zero gives null, numbers are IEEE doubles (a comparison with NaN is false, `!=`
// true). Nulls follow SQL's three-valued logic. Patterns are RE2's and match anywhere in the
// string.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace re2 {
class RE2;
}

namespace sluice::contract {

enum class ValueType : uint8_t {
  kNull,
  kBoolean,
  kInteger,
  kNumber,
  kString,
  kDate,
  kTimestamp,
  kTime,      ///< of day
  kInterval,  ///< the difference of two of these; days are 24 hours
  kArray,     ///< a column: nothing makes one
};

enum class Op : uint8_t {
  kColumn,   // leaf; `column`
  kLiteral,  // leaf; `literal`
  kAnd,
  kOr,
  kNot,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAdd,  // these two take dates, timestamps, times and intervals as well
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kNegate,
  kIsNull,
  kIsNotNull,
  kIn,        // args[0] in literals args[1..]
  kBetween,   // args[0] between args[1] and args[2], inclusive
  kMatches,   // args[0] contains a match of `pattern`
  kLike,      // the same; `literal` is the SQL pattern, with \ as its escape
  kCase,      // when args[0] then args[1] when args[2] ...; an odd argument at the end is the else
  kCoalesce,  // the first of args that is not null
  kAbs,
  kLength,
  kLower,
  kUpper,
  kTrim,
  kDate,
  kTime,
  kSeconds,
  kPart,         // `part` of a date, timestamp or time
  kCardinality,  // these two take an array
  kUniqueItems,
  kEveryItem,   // `item` is true or null of every item of the array args[0]; of null it is null.
                // Options of items become it; the language has no word for it
  kMultipleOf,  // args[0] is args[1] (a positive literal) times a whole number; numbers within a
                // relative 1e-9
};

/// What kPart takes out; all in UTC.
enum class TimePart : uint8_t {
  kYear,
  kQuarter,
  kMonth,
  kDay,
  kIsoDayOfWeek,  ///< Monday is 1, Sunday 7
  kDayOfYear,
  kHour,
  kMinute,
  kSecond,  ///< without its fraction
};

inline constexpr int kTimestampColumn = -2;  ///< `column` of the Kafka timestamp `_timestamp`

/// A node. Integers and numbers mix (the result is a number); a date beside a timestamp is its
/// midnight UTC.
struct Expression {
  Op op = Op::kLiteral;
  ValueType type = ValueType::kNull;  ///< of the result
  TimePart part = TimePart::kYear;    ///< kPart
  int column = -1;  ///< kColumn: index into Contract::columns, or kTimestampColumn
  std::variant<std::monostate, bool, int64_t, double, std::string>
      literal;  ///< dates as days; timestamps, times and intervals as microseconds; all int64_t
  std::shared_ptr<const re2::RE2>
      pattern;  ///< kMatches, kLike; shared because expressions are copied with their contract
  std::vector<Expression> args;
  std::shared_ptr<const Expression> item;  ///< kEveryItem: over one column, which is the item
                                           ///< (ItemColumn); shared because expressions are copied
  std::string text;                        ///< as the user wrote it (root only)
};

}  // namespace sluice::contract
