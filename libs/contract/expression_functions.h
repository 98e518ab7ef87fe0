#pragma once
// The functions of the rule language: one line each, from which parsing, type checks and text
// follow.

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "contract/expression.h"

namespace sluice::contract {

struct Function {
  std::string_view name;
  Op op;
  TimePart part;           ///< kPart
  int arity;               ///< kAnyNumber: two or more, of one type
  uint32_t accepts;        ///< types of the first argument, a bit each (Accepts)
  std::string_view needs;  ///< the same in words
  ValueType result;        ///< kNull: that of the arguments
};

inline constexpr int kAnyNumber = -1;

inline constexpr uint32_t Accepts(ValueType type) { return 1u << static_cast<int>(type); }

absl::Span<const Function> Functions();

/// Null when there is none of this name, in any case.
const Function* FindFunction(std::string_view name);
/// The function behind a node, null when the node is none.
const Function* FunctionOf(const Expression& e);

/// What somebody who writes `name` as a function or a column probably wants, empty when we do not
/// know: `; there is no clock in a rule ...`.
std::string_view AdviceFor(std::string_view name);

}  // namespace sluice::contract
