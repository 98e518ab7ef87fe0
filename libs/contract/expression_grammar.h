#pragma once
// The grammar of docs/rules.md as a parser by recursive descent: what stands between operands is in
// expression_operators.cc, operands are in expression_values.cc.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "contract/expression.h"
#include "contract/expression_functions.h"
#include "contract/expression_lexer.h"
#include "contract/expression_parser.h"
#include "contract/expression_types.h"

namespace sluice::contract {

/// An operator as it is written.
struct Operator {
  std::string_view symbol;
  Op op;
};

/// Recursive descent. Each method reads one production into `out` and says whether it could; after
/// the first `Fail` everything returns false.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, const std::vector<Column>& columns,
                   ExpressionError* error)
      : lexer_(text), columns_(columns), error_(error) {}

  bool Parse(Expression* out);
  /// Whether it failed because the text has too many levels or parts.
  bool too_large() const { return too_large_; }

 private:
  /// One level of nesting, for as long as it lives.
  struct Nesting {
    explicit Nesting(int* depth) : depth_(depth) { ++*depth_; }
    ~Nesting() { --*depth_; }
    int* depth_;
  };

  bool Next();
  bool Fail(size_t offset, std::string message);
  bool FailHere(std::string message) { return Fail(token_.offset, std::move(message)); }

  bool IsKeyword(std::string_view word) const;
  bool IsSymbol(std::string_view symbol) const;
  bool Expect(std::string_view symbol);
  std::string Shown() const;
  std::string Hint() const;
  /// Count a node of the tree.
  bool Count();

  bool ParseOr(Expression* out) {
    return ParseChain("or", Op::kOr, &ExpressionParser::ParseAnd, out);
  }
  bool ParseAnd(Expression* out) {
    return ParseChain("and", Op::kAnd, &ExpressionParser::ParseNot, out);
  }
  bool ParseChain(std::string_view word, Op op, bool (ExpressionParser::*operand)(Expression*),
                  Expression* out);
  bool RequireBoolean(const Expression& e, size_t at, std::string_view word);
  bool ParseNot(Expression* out);
  bool MakeNot(Expression arg, Expression* out);
  bool ParseComparison(Expression* out);
  bool ParseCompare(Op op, size_t start, Expression* out);
  bool ParseIsNull(Expression* out);
  bool ParseIn(Expression value, Expression* out);
  bool ParseBetween(Expression value, size_t start, Expression* out);
  bool ParsePattern(Expression value, size_t start, Expression* out);
  bool ParseLike(Expression value, const Token& pattern, Expression* out);
  bool ParseSum(Expression* out);
  bool ParseProduct(Expression* out);
  bool ParseArithmetic(std::initializer_list<Operator> ops,
                       bool (ExpressionParser::*operand)(Expression*), Expression* out);

  bool CheckDepth();
  bool ParseUnary(Expression* out);
  bool ParseNegative(Expression* out);
  /// 9223372036854775808 and beyond become numbers.
  static Expression NumberLiteral(const std::string& text);
  bool ParseName(Expression* out);
  bool ParseColumn(Expression* out);
  /// case when ... then ... [when ... then ...] [else ...] end
  bool ParseCase(Expression* out);
  /// interval '10 minutes', interval '10' minutes, interval 10 minutes
  bool ParseInterval(Expression* out);
  /// extract(hour from t) is hour(t).
  bool ParseExtract(Expression* out);
  bool ParseFunction(Expression* out);
  bool MakeFunction(const Function& function, std::vector<Placed> args, Expression* out);

  Lexer lexer_;
  const std::vector<Column>& columns_;
  ExpressionError* error_;
  Token token_;
  int depth_ = 0;
  int nodes_ = 0;
  bool too_large_ = false;
};

}  // namespace sluice::contract
