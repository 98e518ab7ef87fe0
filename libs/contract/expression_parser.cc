#include "contract/expression_parser.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/expression_lexer.h"
#include "contract/expression_types.h"
#include "contract/suggestion.h"

namespace sluice::contract {
namespace {

struct ComparisonOp {
  std::string_view symbol;
  Op op;
};
constexpr ComparisonOp kComparisons[] = {
    {"=", Op::kEqual}, {"==", Op::kEqual},     {"!=", Op::kNotEqual}, {"<>", Op::kNotEqual},
    {"<", Op::kLess},  {"<=", Op::kLessEqual}, {">", Op::kGreater},   {">=", Op::kGreaterEqual},
};

struct Function {
  std::string_view name;
  Op op;
  int arity;
};
constexpr Function kFunctions[] = {
    {"abs", Op::kAbs, 1},         {"length", Op::kLength, 1},          {"date", Op::kDate, 1},
    {"seconds", Op::kSeconds, 1}, {"multiple_of", Op::kMultipleOf, 2},
};

/// Recursive descent. Each method reads one production into `out` and says whether it could; after
/// the first `Fail` everything returns false.
class Parser {
 public:
  Parser(std::string_view text, const std::vector<Column>& columns, ExpressionError* error)
      : lexer_(text), columns_(columns), error_(error) {}

  bool Parse(Expression* out) {
    if (!Next() || !ParseOr(out)) return false;
    if (token_.kind != Token::Kind::kEnd) return FailHere(Concat("unexpected ", Shown(), Hint()));
    if (out->type != ValueType::kBoolean) {
      return Fail(0, Concat("a rule must be true or false, this is ", Describe(out->type)));
    }
    return true;
  }

 private:
  /// One level of nesting, for as long as it lives.
  struct Nesting {
    explicit Nesting(int* depth) : depth_(depth) { ++*depth_; }
    ~Nesting() { --*depth_; }
    int* depth_;
  };

  bool Next() {
    if (lexer_.Next(&token_)) return true;
    return Fail(lexer_.error_offset(), std::string(lexer_.error()));
  }
  bool Fail(size_t offset, std::string message) {
    error_->offset = offset;
    error_->message = std::move(message);
    return false;
  }
  bool FailHere(std::string message) { return Fail(token_.offset, std::move(message)); }

  bool IsKeyword(std::string_view word) const {
    return token_.kind == Token::Kind::kName && absl::EqualsIgnoreCase(token_.text, AbslView(word));
  }
  bool IsSymbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
  }
  bool Expect(std::string_view symbol) {
    if (!IsSymbol(symbol)) return FailHere(Concat("expected '", symbol, "', found ", Shown()));
    return Next();
  }
  std::string Shown() const {
    if (token_.kind == Token::Kind::kEnd) return "the end";
    return Concat("'", token_.text.substr(0, 40), "'");
  }
  std::string Hint() const {
    for (const ComparisonOp& comparison : kComparisons) {
      if (IsSymbol(comparison.symbol)) return "; comparisons do not chain: write a < b and b < c";
    }
    return "";
  }
  /// Count a node of the tree.
  bool Count() {
    if (++nodes_ <= kMaxExpressionNodes) return true;
    return FailHere(Concat("the expression has more than ", kMaxExpressionNodes, " parts"));
  }

  bool ParseOr(Expression* out) { return ParseChain("or", Op::kOr, &Parser::ParseAnd, out); }
  bool ParseAnd(Expression* out) { return ParseChain("and", Op::kAnd, &Parser::ParseNot, out); }

  bool ParseChain(std::string_view word, Op op, bool (Parser::*operand)(Expression*),
                  Expression* out) {
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

  bool RequireBoolean(const Expression& e, size_t at, std::string_view word) {
    if (e.type == ValueType::kBoolean || e.type == ValueType::kNull) return true;
    return Fail(at, Concat("'", word, "' needs conditions, this is ", Describe(e.type)));
  }

  bool ParseNot(Expression* out) {
    if (!IsKeyword("not")) return ParseComparison(out);
    Nesting nesting(&depth_);
    if (!CheckDepth() || !Next()) return false;
    const size_t at = token_.offset;
    Expression arg;
    if (!ParseNot(&arg) || !RequireBoolean(arg, at, "not")) return false;
    return MakeNot(std::move(arg), out);
  }

  bool MakeNot(Expression arg, Expression* out) {
    std::vector<Expression> args;
    args.push_back(std::move(arg));
    *out = Combine(Op::kNot, std::move(args));
    return Count();
  }

  bool ParseComparison(Expression* out) {
    const size_t start = token_.offset;
    if (!ParseSum(out)) return false;
    for (const ComparisonOp& comparison : kComparisons) {
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
      if (IsLiteral(*out))
        return Fail(start, "a literal is in the list or it is not: test a column");
      if (!ParseIn(std::move(*out), &plain)) return false;
    } else if (IsKeyword("between")) {
      if (!ParseBetween(std::move(*out), start, &plain)) return false;
    } else if (IsKeyword("matches")) {
      if (!ParseMatches(std::move(*out), start, &plain)) return false;
    } else if (negated) {
      return FailHere(Concat("expected 'in', 'between' or 'matches' after 'not', found ", Shown()));
    } else {
      return true;
    }
    if (negated) return MakeNot(std::move(plain), out);
    *out = std::move(plain);
    return true;
  }

  bool ParseCompare(Op op, size_t start, Expression* out) {
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

  bool ParseIsNull(Expression* out) {
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

  bool ParseIn(Expression value, Expression* out) {
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

  bool ParseBetween(Expression value, size_t start, Expression* out) {
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

  bool ParseMatches(Expression value, size_t start, Expression* out) {
    if (value.type != ValueType::kString) {
      return Fail(start, Concat("only text has a pattern, this is ", Describe(value.type)));
    }
    if (!Next()) return false;
    if (token_.kind != Token::Kind::kString) {
      return FailHere(Concat("expected a pattern in quotes, found ", Shown()));
    }
    std::string problem;
    auto pattern = CompilePattern(token_.text, &problem);
    if (pattern == nullptr) return FailHere(problem);
    *out = Matches(std::move(value), std::move(pattern));
    return Count() && Next();
  }

  bool ParseSum(Expression* out) {
    return ParseArithmetic({{"+", Op::kAdd}, {"-", Op::kSubtract}}, &Parser::ParseProduct, out);
  }
  bool ParseProduct(Expression* out) {
    return ParseArithmetic({{"*", Op::kMultiply}, {"/", Op::kDivide}}, &Parser::ParseUnary, out);
  }

  bool ParseArithmetic(std::initializer_list<ComparisonOp> ops,
                       bool (Parser::*operand)(Expression*), Expression* out) {
    const size_t start = token_.offset;
    if (!(this->*operand)(out)) return false;
    while (true) {
      auto op = std::find_if(ops.begin(), ops.end(),
                             [&](const ComparisonOp& o) { return IsSymbol(o.symbol); });
      if (op == ops.end()) return true;
      if (!Next()) return false;
      const size_t at = token_.offset;
      Expression right;
      if (!(this->*operand)(&right)) return false;
      if (!RequireNumber(*out, start, *op) || !RequireNumber(right, at, *op)) return false;
      const bool integers = out->type == ValueType::kInteger && right.type == ValueType::kInteger;
      std::vector<Expression> args;
      args.push_back(std::move(*out));
      args.push_back(std::move(right));
      *out = Combine(op->op, std::move(args));
      out->type = integers && op->op != Op::kDivide ? ValueType::kInteger : ValueType::kNumber;
      if (!Count()) return false;
    }
  }

  bool RequireNumber(const Expression& e, size_t at, const ComparisonOp& op) {
    if (IsNumeric(e.type)) return true;
    std::string message = Concat("'", op.symbol, "' needs numbers, this is ", Describe(e.type));
    if (IsTime(e.type)) Append(&message, "; for a difference write seconds(a) - seconds(b)");
    return Fail(at, std::move(message));
  }

  bool CheckDepth() {
    if (depth_ <= kMaxExpressionDepth) return true;
    return FailHere(Concat("nested deeper than ", kMaxExpressionDepth, " levels"));
  }

  bool ParseUnary(Expression* out) {
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

  bool ParseNegative(Expression* out) {
    if (!Next()) return false;
    const size_t at = token_.offset;
    Expression arg;
    if (!ParseUnary(&arg) || !RequireNumber(arg, at, {"-", Op::kNegate})) return false;
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

  /// 9223372036854775808 and beyond become numbers.
  static Expression NumberLiteral(const std::string& text) {
    int64_t integer = 0;
    if (absl::SimpleAtoi(text, &integer)) return LiteralExpression(ValueType::kInteger, integer);
    double number = 0;
    (void)absl::SimpleAtod(text, &number);  // the lexer has checked the form
    return LiteralExpression(ValueType::kNumber, number);
  }

  bool ParseName(Expression* out) {
    if (IsKeyword("true") || IsKeyword("false")) {
      *out = LiteralExpression(ValueType::kBoolean, IsKeyword("true"));
      return Next();
    }
    if (IsKeyword("null")) {
      *out = LiteralExpression(ValueType::kNull, std::monostate());
      return Next();
    }
    for (std::string_view word : {"and", "or", "not", "is", "in", "between", "matches"}) {
      if (IsKeyword(word)) return FailHere(Concat("expected a value, found ", Shown()));
    }
    if (lexer_.PeekIs('(')) return ParseFunction(out);
    return ParseColumn(out);
  }

  bool ParseColumn(Expression* out) {
    if (token_.text == "_timestamp") {
      *out = ColumnExpression(kTimestampColumn, ValueType::kTimestamp);
      return Next();
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == token_.text) {
        *out = ColumnExpression(static_cast<int>(i), ValueTypeOf(columns_[i].type));
        return Next();
      }
    }
    std::vector<std::string_view> names;
    for (const Column& column : columns_) names.push_back(column.name);
    return FailHere(Concat("the contract has no column ", Shown(), DidYouMean(token_.text, names)));
  }

  bool ParseFunction(Expression* out) {
    const Function* function = nullptr;
    std::vector<std::string_view> names;
    for (const Function& candidate : kFunctions) {
      names.push_back(candidate.name);
      if (IsKeyword(candidate.name)) function = &candidate;
    }
    if (function == nullptr) {
      return FailHere(Concat("there is no function ", Shown(), DidYouMean(token_.text, names)));
    }
    if (!Next() || !Expect("(")) return false;
    std::vector<Expression> args;
    std::vector<size_t> starts;
    while (true) {
      starts.push_back(token_.offset);
      args.emplace_back();
      if (!ParseOr(&args.back())) return false;
      if (!IsSymbol(",") || static_cast<int>(args.size()) == function->arity) break;
      if (!Next()) return false;
    }
    if (static_cast<int>(args.size()) < function->arity) {
      return FailHere(Concat(function->name, "() takes ", function->arity, " values"));
    }
    return Expect(")") && MakeFunction(*function, std::move(args), starts, out);
  }

  bool MakeFunction(const Function& function, std::vector<Expression> args,
                    const std::vector<size_t>& starts, Expression* out) {
    const ValueType type = args[0].type;
    auto wrong = [&](std::string_view wanted) {
      return Fail(starts[0],
                  Concat(function.name, "() needs ", wanted, ", this is ", Describe(type)));
    };
    ValueType result = ValueType::kNumber;
    switch (function.op) {
      case Op::kAbs:
        if (!IsNumeric(type)) return wrong("a number");
        result = type;
        break;
      case Op::kLength:
        if (type != ValueType::kString) return wrong("text");
        result = ValueType::kInteger;
        break;
      case Op::kDate:
      case Op::kSeconds:
        if (IsStringLiteral(args[0]) && !CoerceToTime(&args[0], starts[0], error_)) return false;
        if (!IsTime(args[0].type)) return wrong("a timestamp");
        result = function.op == Op::kDate ? ValueType::kDate : ValueType::kNumber;
        break;
      default:
        if (!IsNumeric(type)) return wrong("a number");
        if (!IsPositiveLiteral(args[1]))
          return Fail(starts[1], "multiple_of() needs a positive number here");
        if (!Unify(&args[0], starts[0], &args[1], starts[1], error_)) return false;
        result = ValueType::kBoolean;
    }
    *out = Combine(function.op, std::move(args));
    out->type = result;
    return true;
  }

  Lexer lexer_;
  const std::vector<Column>& columns_;
  ExpressionError* error_;
  Token token_;
  int depth_ = 0;
  int nodes_ = 0;
};

}  // namespace

std::optional<Expression> ParseExpression(std::string_view text, const std::vector<Column>& columns,
                                          ExpressionError* error) {
  if (text.size() > kMaxExpressionBytes) {
    *error = {0, Concat("the expression is longer than ", kMaxExpressionBytes, " bytes")};
    return std::nullopt;
  }
  Expression expression;
  if (!Parser(text, columns, error).Parse(&expression)) return std::nullopt;
  expression.text = std::string(absl::StripAsciiWhitespace(AbslView(text)));
  return expression;
}

}  // namespace sluice::contract
