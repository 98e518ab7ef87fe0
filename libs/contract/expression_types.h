#pragma once
// The type rules of the rule language: what goes with what, what comes out, and which type a
// literal takes.

#include <optional>
#include <string_view>
#include <vector>

#include "contract/expression.h"
#include "contract/expression_functions.h"
#include "contract/expression_parser.h"

namespace sluice::contract {

inline bool IsNumeric(ValueType type) {
  return type == ValueType::kInteger || type == ValueType::kNumber;
}
/// A point in time; a date is one as its midnight.
inline bool IsInstant(ValueType type) {
  return type == ValueType::kDate || type == ValueType::kTimestamp;
}
inline bool IsLiteral(const Expression& e) { return e.op == Op::kLiteral; }
inline bool IsStringLiteral(const Expression& e) {
  return IsLiteral(e) && e.type == ValueType::kString;
}
/// A finite number above zero.
bool IsPositiveLiteral(const Expression& e);

/// An expression and where it begins, for messages.
struct Placed {
  Expression value;
  size_t start = 0;
};

/// Make both sides comparable: literals take the type of the other side. False, and `error` filled
/// in, when they are not.
bool Unify(Expression* left, size_t left_start, Expression* right, size_t right_start,
           ExpressionError* error);

/// The type that holds every one of `results`, which may be null: integers and numbers are numbers,
/// dates and timestamps are timestamps. `what` names the construct in messages. Nothing, and
/// `error` filled in, when there is none.
std::optional<ValueType> CommonType(const std::vector<Expression*>& results,
                                    const std::vector<size_t>& starts, std::string_view what,
                                    ExpressionError* error);

/// The type of `left op right`. Nothing, and `error` filled in, when it has none.
std::optional<ValueType> ArithmeticType(Op op, std::string_view symbol, Placed* left, Placed* right,
                                        ExpressionError* error);

/// The type of `function(args)`; its literals take the types it needs. Nothing, and `error` filled
/// in, when it does not take them.
std::optional<ValueType> FunctionType(const Function& function, std::vector<Placed>* args,
                                      ExpressionError* error);

}  // namespace sluice::contract
