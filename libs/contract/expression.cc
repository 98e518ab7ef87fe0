#include "contract/expression.h"

#include <utility>

#include "base/strings.h"
#include "contract/expression_parser.h"
#include "re2/re2.h"

namespace sluice::contract {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::shared_ptr<const re2::RE2> CompilePattern(std::string_view pattern, std::string* error) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto compiled =
      std::make_shared<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (compiled->ok()) return compiled;
  const bool lookaround = Contains(pattern, "(?=") || Contains(pattern, "(?!") ||
                          Contains(pattern, "(?<=") || Contains(pattern, "(?<!");
  const bool escape = compiled->error_code() == re2::RE2::ErrorBadEscape;
  // What RE2 says of lookaround differs from version to version.
  *error =
      Concat("the pattern cannot be executed: ",
             lookaround ? "lookahead and lookbehind are not supported (patterns run in linear time)"
                        : compiled->error(),
             escape ? "; back references and \\u escapes are not supported" : "");
  return nullptr;
}

ValueType ValueTypeOf(const Column& column) {
  return column.list ? ValueType::kArray : ValueTypeOf(column.type);
}

ValueType ValueTypeOf(LogicalType type) {
  switch (type) {
    case LogicalType::kString:
      return ValueType::kString;
    case LogicalType::kInteger:
      return ValueType::kInteger;
    case LogicalType::kNumber:
      return ValueType::kNumber;
    case LogicalType::kBoolean:
      return ValueType::kBoolean;
    case LogicalType::kDate:
      return ValueType::kDate;
    case LogicalType::kTimestamp:
      return ValueType::kTimestamp;
    case LogicalType::kTime:
      return ValueType::kTime;
    case LogicalType::kJson:  // rules do not look into it
      break;
  }
  return ValueType::kNull;
}

std::string_view Describe(ValueType type) {
  switch (type) {
    case ValueType::kNull:
      return "null";
    case ValueType::kBoolean:
      return "true or false";
    case ValueType::kInteger:
      return "an integer";
    case ValueType::kNumber:
      return "a number";
    case ValueType::kString:
      return "text";
    case ValueType::kDate:
      return "a date";
    case ValueType::kTimestamp:
      return "a timestamp";
    case ValueType::kTime:
      return "a time of day";
    case ValueType::kInterval:
      return "an interval";
    case ValueType::kArray:
      return "an array";
  }
  return "";
}

Expression ColumnExpression(int column, ValueType type) {
  Expression e;
  e.op = Op::kColumn;
  e.column = column;
  e.type = type;
  return e;
}

Column ItemColumn(const Column& array) {
  Column item = array;
  item.name = "item";
  item.object = -1;
  item.list = false;
  item.required = array.item_required;
  return item;
}

Expression EveryItem(int array, Expression condition) {
  Expression e = Combine(Op::kEveryItem, {ColumnExpression(array, ValueType::kArray)});
  e.item = std::make_shared<const Expression>(std::move(condition));
  return e;
}

Expression LiteralExpression(ValueType type, decltype(Expression::literal) value) {
  Expression e;
  e.type = type;
  e.literal = std::move(value);
  return e;
}

Expression Combine(Op op, std::vector<Expression> args) {
  Expression e;
  e.op = op;
  e.type = ValueType::kBoolean;
  e.args = std::move(args);
  return e;
}

Expression Matches(Expression value, std::shared_ptr<const re2::RE2> pattern) {
  Expression e;
  e.op = Op::kMatches;
  e.type = ValueType::kBoolean;
  e.pattern = std::move(pattern);
  e.args.push_back(std::move(value));
  return e;
}

}  // namespace sluice::contract
