// ExpressionParser: what stands between operands.

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "base/strings.h"
#include "contract/expression_grammar.h"
#include "contract/like_pattern.h"

namespace sluice::contract {
namespace {

constexpr Operator kComparisons[] = {
    {"=", Op::kEqual}, {"==", Op::kEqual},     {"!=", Op::kNotEqual}, {"<>", Op::kNotEqual},
    {"<", Op::kLess},  {"<=", Op::kLessEqual}, {">", Op::kGreater},   {">=", Op::kGreaterEqual},
};

}  // namespace

bool ExpressionParser::Parse(Expression* out) {
  if (!Next() || !ParseOr(out)) return false;
  if (token_.kind != Token::Kind::kEnd) return FailHere(Concat("unexpected ", Shown(), Hint()));
  if (out->type != ValueType::kBoolean) {
    return Fail(0, Concat("a rule must be true or false, this is ", Describe(out->type)));
  }
  return true;
}

bool ExpressionParser::Next() {
  if (lexer_.Next(&token_)) return true;
  return Fail(lexer_.error_offset(), std::string(lexer_.error()));
}

bool ExpressionParser::Fail(size_t offset, std::string message) {
  error_->offset = offset;
  error_->message = std::move(message);
  return false;
}

bool ExpressionParser::IsKeyword(std::string_view word) const {
  return token_.kind == Token::Kind::kName && absl::EqualsIgnoreCase(token_.text, AbslView(word));
}

bool ExpressionParser::IsSymbol(std::string_view symbol) const {
  return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
}

bool ExpressionParser::Expect(std::string_view symbol) {
  if (!IsSymbol(symbol)) return FailHere(Concat("expected '", symbol, "', found ", Shown()));
  return Next();
}

std::string ExpressionParser::Shown() const {
  if (token_.kind == Token::Kind::kEnd) return "the end";
  return Concat("'", token_.text.substr(0, 40), "'");
}

std::string ExpressionParser::Hint() const {
  for (const Operator& comparison : kComparisons) {
    if (IsSymbol(comparison.symbol)) return "; comparisons do not chain: write a < b and b < c";
  }
  return std::string(AdviceFor(token_.text));
}

bool ExpressionParser::Count() {
  if (++nodes_ <= kMaxExpressionNodes) return true;
  too_large_ = true;
  return FailHere(Concat("the expression has more than ", kMaxExpressionNodes, " parts"));
}

bool ExpressionParser::ParseChain(std::string_view word, Op op,
                                  bool (ExpressionParser::*operand)(Expression*), Expression* out) {
  const size_t start = token_.offset;
  if (!(this->*operand)(out)) return false;
  if (!IsKeyword(word)) return true;
  std::vector<Expression> args;
  if (!RequireBoolean(*out, start, word)) return false;
  args.push_back(std::move(*out));
  while (IsKeyword(word)) {
    if (!Next()) return false;
    const size_t at = token_.offset;
    Expression arg;
    if (!(this->*operand)(&arg) || !RequireBoolean(arg, at, word)) return false;
    args.push_back(std::move(arg));
  }
  *out = Combine(op, std::move(args));
  return Count();
}

bool ExpressionParser::RequireBoolean(const Expression& e, size_t at, std::string_view word) {
  if (e.type == ValueType::kBoolean || e.type == ValueType::kNull) return true;
  return Fail(at, Concat("'", word, "' needs conditions, this is ", Describe(e.type)));
}

bool ExpressionParser::ParseNot(Expression* out) {
  if (!IsKeyword("not")) return ParseComparison(out);
  Nesting nesting(&depth_);
  if (!CheckDepth() || !Next()) return false;
  const size_t at = token_.offset;
  Expression arg;
  if (!ParseNot(&arg) || !RequireBoolean(arg, at, "not")) return false;
  return MakeNot(std::move(arg), out);
}

bool ExpressionParser::MakeNot(Expression arg, Expression* out) {
  std::vector<Expression> args;
  args.push_back(std::move(arg));
  *out = Combine(Op::kNot, std::move(args));
  return Count();
}

bool ExpressionParser::ParseComparison(Expression* out) {
  const size_t start = token_.offset;
  if (!ParseSum(out)) return false;
  for (const Operator& comparison : kComparisons) {
    if (IsSymbol(comparison.symbol)) return ParseCompare(comparison.op, start, out);
  }
  if (IsKeyword("is")) return ParseIsNull(out);
  bool negated = false;
  if (IsKeyword("not")) {
    if (!Next()) return false;
    negated = true;
  }
  Expression plain;
  if (IsKeyword("in")) {
    if (IsLiteral(*out)) return Fail(start, "a literal is in the list or it is not: test a column");
    if (!ParseIn(std::move(*out), &plain)) return false;
  } else if (IsKeyword("between")) {
    if (!ParseBetween(std::move(*out), start, &plain)) return false;
  } else if (IsKeyword("matches") || IsKeyword("like")) {
    if (!ParsePattern(std::move(*out), start, &plain)) return false;
  } else if (negated) {
    return FailHere(
        Concat("expected 'in', 'between', 'like' or 'matches' after 'not', found ", Shown()));
  } else {
    return true;
  }
  if (negated) return MakeNot(std::move(plain), out);
  *out = std::move(plain);
  return true;
}

bool ExpressionParser::ParseCompare(Op op, size_t start, Expression* out) {
  if (!Next()) return false;
  const size_t right_start = token_.offset;
  Expression right;
  if (!ParseSum(&right)) return false;
  if (!Unify(out, start, &right, right_start, error_)) return false;
  if (out->type == ValueType::kBoolean && op != Op::kEqual && op != Op::kNotEqual) {
    return Fail(start, "true and false have no order; use = or !=");
  }
  std::vector<Expression> args;
  args.push_back(std::move(*out));
  args.push_back(std::move(right));
  *out = Combine(op, std::move(args));
  return Count();
}

bool ExpressionParser::ParseIsNull(Expression* out) {
  if (!Next()) return false;
  Op op = Op::kIsNull;
  if (IsKeyword("not")) {
    op = Op::kIsNotNull;
    if (!Next()) return false;
  }
  if (!IsKeyword("null")) return FailHere(Concat("expected 'null' after 'is', found ", Shown()));
  if (!Next()) return false;
  std::vector<Expression> args;
  args.push_back(std::move(*out));
  *out = Combine(op, std::move(args));
  return Count();
}

bool ExpressionParser::ParseIn(Expression value, Expression* out) {
  std::vector<Expression> args;
  args.push_back(std::move(value));
  if (!Next() || !Expect("(")) return false;
  while (true) {
    const size_t at = token_.offset;
    Expression literal;
    if (!ParseUnary(&literal)) return false;
    if (!IsLiteral(literal)) return Fail(at, "only literals may stand in a list");
    if (!Unify(&args[0], at, &literal, at, error_)) return false;
    args.push_back(std::move(literal));
    if (!IsSymbol(",")) break;
    if (!Next()) return false;
  }
  if (!Expect(")")) return false;
  *out = Combine(Op::kIn, std::move(args));
  return Count();
}

bool ExpressionParser::ParseBetween(Expression value, size_t start, Expression* out) {
  std::vector<Expression> args;
  args.push_back(std::move(value));
  if (!Next()) return false;
  for (int side = 0; side < 2; ++side) {
    if (side == 1) {
      if (!IsKeyword("and")) {
        return FailHere(Concat("expected 'and' between the two bounds, found ", Shown()));
      }
      if (!Next()) return false;
    }
    const size_t at = token_.offset;
    Expression bound;
    if (!ParseSum(&bound) || !Unify(&args[0], start, &bound, at, error_)) return false;
    if (args[0].type == ValueType::kBoolean)
      return Fail(start, "true and false have no order; use = or !=");
    args.push_back(std::move(bound));
  }
  *out = Combine(Op::kBetween, std::move(args));
  return Count();
}

bool ExpressionParser::ParsePattern(Expression value, size_t start, Expression* out) {
  const bool like = IsKeyword("like");
  if (value.type != ValueType::kString) {
    return Fail(start, Concat("only text has a pattern, this is ", Describe(value.type)));
  }
  if (!Next()) return false;
  if (token_.kind != Token::Kind::kString) {
    return FailHere(Concat("expected a pattern in quotes, found ", Shown()));
  }
  const Token pattern = token_;
  if (!Next()) return false;
  if (like) return ParseLike(std::move(value), pattern, out);
  std::string problem;
  auto compiled = CompilePattern(pattern.text, &problem);
  if (compiled == nullptr) return Fail(pattern.offset, problem);
  *out = Matches(std::move(value), std::move(compiled));
  return Count();
}

bool ExpressionParser::ParseLike(Expression value, const Token& pattern, Expression* out) {
  std::string escape = "\\";
  if (IsKeyword("escape")) {
    if (!Next()) return false;
    if (token_.kind != Token::Kind::kString || !IsEscape(token_.text)) {
      return FailHere(Concat("expected one character in quotes after 'escape', found ", Shown()));
    }
    escape = token_.text;
    if (!Next()) return false;
  }
  std::string problem;
  auto like = CompileLike(pattern.text, escape, &problem);
  if (!like.has_value()) return Fail(pattern.offset, problem);
  *out = Matches(std::move(value), std::move(like->compiled));
  out->op = Op::kLike;
  out->literal = std::move(like->pattern);
  return Count();
}

bool ExpressionParser::ParseSum(Expression* out) {
  return ParseArithmetic({{"+", Op::kAdd}, {"-", Op::kSubtract}}, &ExpressionParser::ParseProduct,
                         out);
}

bool ExpressionParser::ParseProduct(Expression* out) {
  return ParseArithmetic({{"*", Op::kMultiply}, {"/", Op::kDivide}, {"%", Op::kModulo}},
                         &ExpressionParser::ParseUnary, out);
}

bool ExpressionParser::ParseArithmetic(std::initializer_list<Operator> ops,
                                       bool (ExpressionParser::*operand)(Expression*),
                                       Expression* out) {
  const size_t start = token_.offset;
  if (!(this->*operand)(out)) return false;
  while (true) {
    auto op =
        std::find_if(ops.begin(), ops.end(), [&](const Operator& o) { return IsSymbol(o.symbol); });
    if (op == ops.end()) return true;
    if (!Next()) return false;
    Placed left{std::move(*out), start};
    Placed right{{}, token_.offset};
    if (!(this->*operand)(&right.value)) return false;
    std::optional<ValueType> type = ArithmeticType(op->op, op->symbol, &left, &right, error_);
    if (!type.has_value()) return false;
    std::vector<Expression> args;
    args.push_back(std::move(left.value));
    args.push_back(std::move(right.value));
    *out = Combine(op->op, std::move(args));
    out->type = *type;
    if (!Count()) return false;
  }
}

}  // namespace sluice::contract
