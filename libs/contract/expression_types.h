#pragma once
// The type rules of the rule language: what compares with what, and which type a literal takes.

#include "contract/expression.h"
#include "contract/expression_parser.h"

namespace sluice::contract {

inline bool IsNumeric(ValueType type) {
  return type == ValueType::kInteger || type == ValueType::kNumber;
}
inline bool IsTime(ValueType type) {
  return type == ValueType::kDate || type == ValueType::kTimestamp;
}
inline bool IsLiteral(const Expression& e) { return e.op == Op::kLiteral; }
inline bool IsStringLiteral(const Expression& e) {
  return IsLiteral(e) && e.type == ValueType::kString;
}
/// A finite number above zero.
bool IsPositiveLiteral(const Expression& e);

/// Make both sides comparable: literals take the type of the other side. False, and `error` filled
/// in, when they are not.
bool Unify(Expression* left, size_t left_start, Expression* right, size_t right_start,
           ExpressionError* error);

/// Read the text of a string literal as a date or a timestamp.
bool CoerceToTime(Expression* literal, size_t start, ExpressionError* error);

}  // namespace sluice::contract
