#pragma once
// What a program is made of.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "contract/expression.h"
#include "rules/affix.h"
#include "rules/vector_view.h"

namespace sluice::rules {

/// Where an operation reads a value.
struct Operand {
  enum class Kind : uint8_t { kColumn, kRegister, kScalar };
  Kind kind = Kind::kScalar;
  Repr repr = Repr::kBool;
  int index = -1;     ///< slot of the loader, or register
  bool null = false;  ///< of a scalar
  uint8_t boolean = 0;
  int64_t integer = 0;
  double number = 0;
  std::string_view text;  ///< into the contract

  bool IsScalar() const { return kind == Kind::kScalar; }
};

/// Instructions; those with two operands take kScalar only as the second one. steps.h says what
/// runs each.
enum class Code : uint8_t {
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
  kModulo,
  kNegate,
  kAbs,
  kMultipleOf,
  kAnd,
  kOr,
  kNot,
  kIsNull,
  kIsNotNull,
  kIn,
  kMatches,
  kAffix,     // a `like` that needs no pattern
  kSelect,    // left where `condition` is true, else right
  kCoalesce,  // left where it is not null, else right
  kLength,
  kLower,
  kUpper,
  kTrim,
  kToDouble,
  kDaysToMicros,
  kMicrosToDays,
  kMicrosInDay,
  kMicrosToSeconds,
  kPart,       // of days, or of microseconds in a day
  kBroadcast,  // a scalar into a register
};

/// The literals of an `in`; integers look for both kinds of number.
struct ValueSet {
  absl::flat_hash_set<int64_t> integers;
  std::vector<double> numbers;
  absl::flat_hash_set<std::string_view> strings;
};

struct Instruction {
  Code code;
  int target = 0;  ///< register
  Operand left;
  Operand right;
  Operand condition;                    ///< kSelect
  contract::TimePart part{};            ///< kPart
  int text = -1;                        ///< kLower, kUpper: where the characters go
  const re2::RE2* pattern = nullptr;    ///< kMatches; the contract owns it
  std::shared_ptr<const Affix> affix;   ///< kAffix; shared for the same reason as `set`
  std::shared_ptr<const ValueSet> set;  ///< kIn; shared because instructions are copied
};

}  // namespace sluice::rules
