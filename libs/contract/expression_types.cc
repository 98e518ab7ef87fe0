#include "contract/expression_types.h"

#include <cmath>
#include <utility>

#include "base/strings.h"
#include "contract/timestamp.h"

namespace sluice::contract {
namespace {

bool Fail(ExpressionError* error, size_t offset, std::string message) {
  *error = {offset, std::move(message)};
  return false;
}

bool FailNull(size_t at, ExpressionError* error) {
  return Fail(error, at, "nothing compares with null; write 'is null' or 'is not null'");
}

/// 90 becomes 90.0 beside a number, a date becomes its midnight beside a timestamp.
void WidenLiteral(Expression* literal, const Expression& other) {
  if (!IsLiteral(*literal)) return;
  if (literal->type == ValueType::kInteger && other.type == ValueType::kNumber) {
    literal->literal = static_cast<double>(std::get<int64_t>(literal->literal));
    literal->type = ValueType::kNumber;
  } else if (literal->type == ValueType::kDate && other.type == ValueType::kTimestamp) {
    literal->literal = std::get<int64_t>(literal->literal) * kMicrosPerDay;
    literal->type = ValueType::kTimestamp;
  }
}

}  // namespace

bool IsPositiveLiteral(const Expression& e) {
  if (const auto* integer = std::get_if<int64_t>(&e.literal)) return IsLiteral(e) && *integer > 0;
  if (const auto* number = std::get_if<double>(&e.literal)) {
    return IsLiteral(e) && *number > 0 && std::isfinite(*number);
  }
  return false;
}

bool CoerceToTime(Expression* literal, size_t at, ExpressionError* error) {
  const std::string& text = std::get<std::string>(literal->literal);
  int32_t days = 0;
  int64_t micros = 0;
  if (ParseDate(text, &days)) {
    *literal = LiteralExpression(ValueType::kDate, int64_t{days});
  } else if (ParseTimestamp(text, &micros)) {
    *literal = LiteralExpression(ValueType::kTimestamp, micros);
  } else {
    return Fail(error, at,
                Concat("'", text.substr(0, 40),
                       "' is no date or timestamp; write 2024-03-10 or 2024-03-10T14:22:35Z"));
  }
  return true;
}

bool Unify(Expression* left, size_t left_start, Expression* right, size_t right_start,
           ExpressionError* error) {
  if (left->type == ValueType::kNull) return FailNull(left_start, error);
  if (right->type == ValueType::kNull) return FailNull(right_start, error);
  if (IsTime(right->type) && IsStringLiteral(*left) && !CoerceToTime(left, left_start, error))
    return false;
  if (IsTime(left->type) && IsStringLiteral(*right) && !CoerceToTime(right, right_start, error))
    return false;
  WidenLiteral(left, *right);
  WidenLiteral(right, *left);
  const bool comparable = left->type == right->type ||
                          (IsNumeric(left->type) && IsNumeric(right->type)) ||
                          (IsTime(left->type) && IsTime(right->type));
  if (comparable) return true;
  return Fail(error, right_start,
              Concat("cannot compare ", Describe(left->type), " with ", Describe(right->type)));
}

}  // namespace sluice::contract
