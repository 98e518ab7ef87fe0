#pragma once
// The rule language, parsed and type-checked: a small tree over the columns of a contract.
//
//   expression := or; or := and ('or' and)*; and := not ('and' not)*; not := 'not' not | comparison
//   comparison := sum (('=' | '==' | '!=' | '<>' | '<' | '<=' | '>' | '>=') sum | 'is' ['not']
//   'null'
//                 | ['not'] 'in' '(' literal, ... ')' | ['not'] 'between' sum 'and' sum | ['not']
//                 'matches' string)?
//   sum := product (('+' | '-') product)*; product := unary (('*' | '/') unary)*
//   unary := '-' unary | number | string | 'true' | 'false' | 'null' | column | function '('
//   expression, ... ')' | '(' expression ')' functions: abs(number), length(string) in code points,
//   date(timestamp), seconds(timestamp) since the epoch,
//              multiple_of(number, positive literal)
//   columns: those of the contract, and _timestamp (Kafka's); `quoted names` in backticks
//   strings: 'single' or "double" quotes, doubled to stand for themselves; no other escapes
// Nulls follow SQL's three-valued logic. Timestamps and dates compare with string literals in ISO
// 8601. Every operation is total: integers saturate instead of overflowing, `/` always gives a
// number, division by zero gives null, numbers are IEEE doubles (a comparison with NaN is false,
// `!=` true). Patterns are RE2's and match anywhere in the string.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace re2 {
class RE2;
}

namespace sluice::contract {

enum class ValueType : uint8_t { kNull, kBoolean, kInteger, kNumber, kString, kDate, kTimestamp };

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
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kNegate,
  kIsNull,
  kIsNotNull,
  kIn,       // args[0] in literals args[1..]
  kBetween,  // args[0] between args[1] and args[2], inclusive
  kMatches,  // args[0] contains a match of `pattern`
  kAbs,
  kLength,
  kDate,
  kSeconds,
  kMultipleOf,  // args[0] is args[1] (a positive literal) times a whole number; numbers within a
                // relative 1e-9
};

inline constexpr int kTimestampColumn = -2;  ///< `column` of the Kafka timestamp `_timestamp`

/// A node. Integers and numbers mix (the result is a number); a date compares with a timestamp as
/// its midnight UTC.
struct Expression {
  Op op = Op::kLiteral;
  ValueType type = ValueType::kNull;  ///< of the result
  int column = -1;  ///< kColumn: index into Contract::columns, or kTimestampColumn
  std::variant<std::monostate, bool, int64_t, double, std::string>
      literal;  ///< dates as days, timestamps as microseconds, both int64_t
  std::shared_ptr<const re2::RE2>
      pattern;  ///< kMatches; shared because expressions are copied with their contract
  std::vector<Expression> args;
  std::string text;  ///< as the user wrote it (root only)
};

}  // namespace sluice::contract
