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

/// What may be done with an array, behind what may not; empty for all else.
std::string_view OfArrays(ValueType type) {
  return type == ValueType::kArray
             ? "; of an array there are cardinality(a), unique_items(a) and a is null"
             : "";
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

/// Whether text beside a value of this type is read as a value of its kind.
bool IsWrittenAsText(ValueType type) { return IsInstant(type) || type == ValueType::kTime; }

/// Read a string literal as a time of day (beside one), else as a date or a timestamp. Everything
/// else stays.
bool Coerce(Expression* e, size_t at, ValueType beside, ExpressionError* error) {
  if (!IsStringLiteral(*e) || !IsWrittenAsText(beside)) return true;
  const std::string& text = std::get<std::string>(e->literal);
  int32_t days = 0;
  int64_t micros = 0;
  if (beside == ValueType::kTime) {
    if (!ParseTimeOfDay(text, &micros)) {
      return Fail(error, at,
                  Concat("'", text.substr(0, 40), "' is no time of day; write 14:22:35"));
    }
    *e = LiteralExpression(ValueType::kTime, micros);
  } else if (ParseDate(text, &days)) {
    *e = LiteralExpression(ValueType::kDate, int64_t{days});
  } else if (ParseTimestamp(text, &micros)) {
    *e = LiteralExpression(ValueType::kTimestamp, micros);
  } else {
    return Fail(error, at,
                Concat("'", text.substr(0, 40),
                       "' is no date or timestamp; write 2024-03-10 or 2024-03-10T14:22:35Z"));
  }
  return true;
}

/// The type of what `op` makes of times and intervals; kNull when it makes nothing.
ValueType TimeArithmetic(Op op, ValueType left, ValueType right) {
  if (op != Op::kAdd && op != Op::kSubtract) return ValueType::kNull;
  const bool left_interval = left == ValueType::kInterval;
  const bool right_interval = right == ValueType::kInterval;
  if (left_interval && right_interval) return ValueType::kInterval;
  if (IsInstant(left) && right_interval) return ValueType::kTimestamp;
  if (op == Op::kAdd && left_interval && IsInstant(right)) return ValueType::kTimestamp;
  if (op == Op::kAdd) return ValueType::kNull;
  if (IsInstant(left) && IsInstant(right)) return ValueType::kInterval;
  if (left == ValueType::kTime && right == ValueType::kTime) return ValueType::kInterval;
  return ValueType::kNull;
}

bool IsTimely(ValueType type) { return IsWrittenAsText(type) || type == ValueType::kInterval; }

/// kNull: nothing holds both.
ValueType Join(ValueType a, ValueType b) {
  if (a == b || b == ValueType::kNull) return a;
  if (a == ValueType::kNull) return b;
  if (IsNumeric(a) && IsNumeric(b)) return ValueType::kNumber;
  if (IsInstant(a) && IsInstant(b)) return ValueType::kTimestamp;
  return ValueType::kNull;
}

}  // namespace

bool IsPositiveLiteral(const Expression& e) {
  if (!IsLiteral(e) || !IsNumeric(e.type)) return false;
  if (const auto* integer = std::get_if<int64_t>(&e.literal)) return *integer > 0;
  const double number = std::get<double>(e.literal);
  return number > 0 && std::isfinite(number);
}

bool Unify(Expression* left, size_t left_start, Expression* right, size_t right_start,
           ExpressionError* error) {
  if (left->type == ValueType::kNull) return FailNull(left_start, error);
  if (right->type == ValueType::kNull) return FailNull(right_start, error);
  if (!Coerce(left, left_start, right->type, error)) return false;
  if (!Coerce(right, right_start, left->type, error)) return false;
  WidenLiteral(left, *right);
  WidenLiteral(right, *left);
  const ValueType joined = Join(left->type, right->type);
  if (joined != ValueType::kNull && joined != ValueType::kArray) return true;
  const bool interval = left->type == ValueType::kInterval || right->type == ValueType::kInterval;
  return Fail(
      error, right_start,
      Concat("cannot compare ", Describe(left->type), " with ", Describe(right->type),
             interval ? "; write interval '10 minutes', or seconds(a - b) for a number" : "",
             OfArrays(left->type == ValueType::kArray ? left->type : right->type)));
}

std::optional<ValueType> CommonType(const std::vector<Expression*>& results,
                                    const std::vector<size_t>& starts, std::string_view what,
                                    ExpressionError* error) {
  ValueType beside = ValueType::kNull;
  for (const Expression* result : results) {
    if (IsWrittenAsText(result->type)) beside = result->type;
  }
  ValueType common = ValueType::kNull;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!Coerce(results[i], starts[i], beside, error)) return std::nullopt;
    const ValueType type = results[i]->type;
    if (type == ValueType::kNull) continue;
    if (type == ValueType::kArray) {
      Fail(error, starts[i], Concat("no result of ", what, " is an array", OfArrays(type)));
      return std::nullopt;
    }
    const ValueType joined = Join(common, type);
    if (joined == ValueType::kNull) {
      Fail(error, starts[i],
           Concat("all results of ", what, " have one type, this is ", Describe(type), " and not ",
                  Describe(common)));
      return std::nullopt;
    }
    common = joined;
  }
  if (common != ValueType::kNull) return common;
  Fail(error, starts[0], Concat("every result of ", what, " is null"));
  return std::nullopt;
}

std::optional<ValueType> ArithmeticType(Op op, std::string_view symbol, Placed* left, Placed* right,
                                        ExpressionError* error) {
  if (op == Op::kSubtract && (!Coerce(&left->value, left->start, right->value.type, error) ||
                              !Coerce(&right->value, right->start, left->value.type, error))) {
    return std::nullopt;
  }
  const ValueType a = left->value.type;
  const ValueType b = right->value.type;
  if (IsNumeric(a) && IsNumeric(b)) {
    const bool integers = a == ValueType::kInteger && b == ValueType::kInteger;
    return integers && op != Op::kDivide ? ValueType::kInteger : ValueType::kNumber;
  }
  if (ValueType type = TimeArithmetic(op, a, b); type != ValueType::kNull) return type;
  const Placed& guilty = IsNumeric(a) || (IsTimely(a) && !IsNumeric(b)) ? *right : *left;
  std::string message =
      Concat("'", symbol, "' needs numbers, this is ", Describe(guilty.value.type));
  message += OfArrays(guilty.value.type);
  if (IsTimely(a) || IsTimely(b)) {
    Append(&message, "; with times there is a - b, a + interval '1 day' and a - interval '1 day'");
  }
  Fail(error, guilty.start, std::move(message));
  return std::nullopt;
}

std::optional<ValueType> FunctionType(const Function& function, std::vector<Placed>* args,
                                      ExpressionError* error) {
  Placed& first = args->front();
  if (function.op == Op::kCoalesce) {
    std::vector<Expression*> results;
    std::vector<size_t> starts;
    for (Placed& arg : *args) {
      results.push_back(&arg.value);
      starts.push_back(arg.start);
    }
    return CommonType(results, starts, "coalesce()", error);
  }
  if ((function.accepts & Accepts(ValueType::kString)) == 0) {
    const bool takes_instants = (function.accepts & Accepts(ValueType::kTimestamp)) != 0 ||
                                (function.accepts & Accepts(ValueType::kDate)) != 0;
    if (takes_instants && !Coerce(&first.value, first.start, ValueType::kTimestamp, error))
      return std::nullopt;
  }
  if ((function.accepts & Accepts(first.value.type)) == 0) {
    Fail(error, first.start,
         Concat(function.name, "() needs ", function.needs, ", this is ",
                Describe(first.value.type), OfArrays(first.value.type)));
    return std::nullopt;
  }
  if (function.op == Op::kMultipleOf) {
    Placed& of = (*args)[1];
    if (!IsPositiveLiteral(of.value)) {
      Fail(error, of.start, "multiple_of() needs a positive number here");
      return std::nullopt;
    }
    if (!Unify(&first.value, first.start, &of.value, of.start, error)) return std::nullopt;
  }
  return function.result == ValueType::kNull ? first.value.type : function.result;
}

}  // namespace sluice::contract
