// ExpressionParser: operands.

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/duration.h"
#include "contract/expression_grammar.h"
#include "contract/expression_text.h"
#include "contract/suggestion.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

bool ExpressionParser::CheckDepth() {
  if (depth_ <= kMaxExpressionDepth) return true;
  too_large_ = true;
  return FailHere(Concat("nested deeper than ", kMaxExpressionDepth, " levels"));
}

bool ExpressionParser::ParseUnary(Expression* out) {
  Nesting nesting(&depth_);
  if (!CheckDepth() || !Count()) return false;
  if (IsSymbol("-")) return ParseNegative(out);
  if (IsSymbol("(")) return Next() && ParseOr(out) && Expect(")");
  switch (token_.kind) {
    case Token::Kind::kNumber:
      *out = NumberLiteral(token_.text);
      if (out->type == ValueType::kNumber && !std::isfinite(std::get<double>(out->literal))) {
        return FailHere("this number is too large");
      }
      return Next();
    case Token::Kind::kString:
      *out = LiteralExpression(ValueType::kString, token_.text);
      return Next();
    case Token::Kind::kQuotedName:
      return ParseColumn(out);
    case Token::Kind::kName:
      return ParseName(out);
    default:
      return FailHere(Concat("expected a value, found ", Shown()));
  }
}

bool ExpressionParser::ParseNegative(Expression* out) {
  if (!Next()) return false;
  const size_t at = token_.offset;
  Expression arg;
  if (!ParseUnary(&arg)) return false;
  if (!IsNumeric(arg.type) && arg.type != ValueType::kInterval)
    return Fail(at, Concat("'-' needs numbers, this is ", Describe(arg.type)));
  if (auto* integer = std::get_if<int64_t>(&arg.literal)) {
    *integer = -*integer;  // a literal is never negative before its sign, so this cannot overflow
    *out = std::move(arg);
    return true;
  }
  if (auto* number = std::get_if<double>(&arg.literal)) {
    *number = -*number;
    *out = std::move(arg);
    return true;
  }
  const ValueType type = arg.type;
  std::vector<Expression> args;
  args.push_back(std::move(arg));
  *out = Combine(Op::kNegate, std::move(args));
  out->type = type;
  return true;
}

Expression ExpressionParser::NumberLiteral(const std::string& text) {
  int64_t integer = 0;
  if (absl::SimpleAtoi(text, &integer)) return LiteralExpression(ValueType::kInteger, integer);
  double number = 0;
  (void)absl::SimpleAtod(text, &number);  // the lexer has checked the form
  return LiteralExpression(ValueType::kNumber, number);
}

bool ExpressionParser::ParseName(Expression* out) {
  if (IsKeyword("true") || IsKeyword("false")) {
    *out = LiteralExpression(ValueType::kBoolean, IsKeyword("true"));
    return Next();
  }
  if (IsKeyword("null")) {
    *out = LiteralExpression(ValueType::kNull, std::monostate());
    return Next();
  }
  if (IsKeyword("case")) return ParseCase(out);
  for (std::string_view word : kReservedWords) {
    if (IsKeyword(word)) return FailHere(Concat("expected a value, found ", Shown()));
  }
  if (IsKeyword("interval") && lexer_.PeekIsOneOf("'\"0123456789")) return ParseInterval(out);
  if (!lexer_.PeekIsOneOf("(")) return ParseColumn(out);
  return IsKeyword("extract") ? ParseExtract(out) : ParseFunction(out);
}

bool ExpressionParser::ParseColumn(Expression* out) {
  if (token_.text == "_timestamp") {
    *out = ColumnExpression(kTimestampColumn, ValueType::kTimestamp);
    return Next();
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == token_.text) {
      *out = ColumnExpression(static_cast<int>(i), ValueTypeOf(columns_[i]));
      return Next();
    }
  }
  if (token_.kind == Token::Kind::kName) {
    for (std::string_view word : {"when", "then", "else", "end", "like", "escape"}) {
      if (IsKeyword(word)) return FailHere(Concat("expected a value, found ", Shown()));
    }
  }
  std::vector<std::string_view> names;
  for (const Column& column : columns_) {
    names.push_back(column.name);
    if (column.object >= 0 && absl::StartsWith(column.name, token_.text + ".")) {
      return FailHere(Concat(Shown(),
                             " is an object and has no value of its own; write one of its ",
                             "members, such as ", ColumnText(column)));
    }
    if (column.type == LogicalType::kJson && absl::StartsWith(token_.text, column.name + ".")) {
      return FailHere(Concat(
          Shown(), " is in the items of an array, into which rules do not look; ",
          "there are cardinality(", ColumnText(column), ") and ", ColumnText(column), " is null"));
    }
  }
  const std::string_view advice = AdviceFor(token_.text);
  return FailHere(Concat("the contract has no column ", Shown(),
                         advice.empty() ? DidYouMean(token_.text, names) : std::string(advice)));
}

bool ExpressionParser::ParseCase(Expression* out) {
  if (!Next()) return false;
  if (!IsKeyword("when")) {
    return FailHere(Concat("expected 'when' after 'case', found ", Shown(),
                           "; write case when a = 1 then 'x' else 'y' end"));
  }
  std::vector<Expression> args;
  std::vector<size_t> starts;
  auto parse = [&] {
    if (!Next()) return false;
    starts.push_back(token_.offset);
    return ParseOr(&args.emplace_back());
  };
  while (IsKeyword("when")) {
    if (!parse() || !RequireBoolean(args.back(), starts.back(), "when")) return false;
    if (!IsKeyword("then")) return FailHere(Concat("expected 'then', found ", Shown()));
    if (!parse()) return false;
  }
  if (IsKeyword("else") && !parse()) return false;
  if (!IsKeyword("end")) {
    return FailHere(Concat("expected 'when', 'else' or 'end', found ", Shown()));
  }
  std::vector<Expression*> results;
  std::vector<size_t> result_starts;
  for (size_t i = 1; i < args.size(); i += 2) {
    results.push_back(&args[i]);
    result_starts.push_back(starts[i]);
  }
  if (args.size() % 2 == 1) {
    results.push_back(&args.back());
    result_starts.push_back(starts.back());
  }
  std::optional<ValueType> type = CommonType(results, result_starts, "case", error_);
  if (!type.has_value()) return false;
  *out = Combine(Op::kCase, std::move(args));
  out->type = *type;
  return Next();
}

bool ExpressionParser::ParseInterval(Expression* out) {
  if (!Next()) return false;
  const size_t at = token_.offset;
  std::string text = token_.text;
  const bool complete = token_.kind == Token::Kind::kString && ParseDuration(text).ok();
  if (!Next()) return false;
  if (!complete && token_.kind == Token::Kind::kName &&
      std::none_of(text.begin(), text.end(), absl::ascii_isalpha)) {
    Append(&text, " ", token_.text);
    if (!Next()) return false;
  }
  absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (!duration.ok()) return Fail(at, std::string(duration.status().message()));
  *out = LiteralExpression(ValueType::kInterval,
                           int64_t{std::llround(absl::ToDoubleMicroseconds(*duration))});
  return true;
}

bool ExpressionParser::ParseExtract(Expression* out) {
  if (!Next() || !Expect("(")) return false;
  const Function* function = IsKeyword("epoch") ? FindFunction("seconds") : nullptr;
  std::vector<std::string_view> names = {"epoch"};
  for (const Function& candidate : Functions()) {
    if (candidate.op != Op::kPart) continue;
    names.push_back(candidate.name);
    if (IsKeyword(candidate.name)) function = &candidate;
  }
  if (function == nullptr) {
    const std::string_view advice = AdviceFor(token_.text);
    return FailHere(Concat("there is no part ", Shown(),
                           advice.empty() ? Concat("; use ", ListOf(names)) : std::string(advice)));
  }
  if (!Next()) return false;
  if (!IsKeyword("from")) return FailHere(Concat("expected 'from', found ", Shown()));
  if (!Next()) return false;
  std::vector<Placed> args(1);
  args[0].start = token_.offset;
  return ParseOr(&args[0].value) && Expect(")") && MakeFunction(*function, std::move(args), out);
}

bool ExpressionParser::ParseFunction(Expression* out) {
  const Function* function = FindFunction(token_.text);
  if (function == nullptr) {
    std::vector<std::string_view> names = {"extract"};
    for (const Function& candidate : Functions()) names.push_back(candidate.name);
    const std::string_view advice = AdviceFor(token_.text);
    return FailHere(Concat("there is no function ", Shown(),
                           advice.empty() ? DidYouMean(token_.text, names) : std::string(advice)));
  }
  if (!Next() || !Expect("(")) return false;
  std::vector<Placed> args;
  while (true) {
    args.push_back({{}, token_.offset});
    if (!ParseOr(&args.back().value)) return false;
    if (!IsSymbol(",") || static_cast<int>(args.size()) == function->arity) break;
    if (!Next()) return false;
  }
  const int needed = function->arity == kAnyNumber ? 2 : function->arity;
  if (static_cast<int>(args.size()) < needed) {
    return FailHere(Concat(function->name, "() takes ", needed, " values",
                           function->arity == kAnyNumber ? " or more" : ""));
  }
  return Expect(")") && MakeFunction(*function, std::move(args), out);
}

bool ExpressionParser::MakeFunction(const Function& function, std::vector<Placed> args,
                                    Expression* out) {
  std::optional<ValueType> type = FunctionType(function, &args, error_);
  if (!type.has_value()) return false;
  if (function.op == Op::kUniqueItems &&
      columns_[static_cast<size_t>(args[0].value.column)].type == LogicalType::kJson) {
    return Fail(args[0].start,
                "unique_items() does not compare objects; of an array of them there are "
                "cardinality(a) and a is null");
  }
  std::vector<Expression> values;
  for (Placed& arg : args) values.push_back(std::move(arg.value));
  *out = Combine(function.op, std::move(values));
  out->type = *type;
  out->part = function.part;
  return true;
}

}  // namespace sluice::contract
