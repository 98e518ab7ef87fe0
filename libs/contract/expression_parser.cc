#include "contract/expression_parser.h"

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "contract/expression_grammar.h"

namespace sluice::contract {

std::optional<Expression> ParseExpression(std::string_view text, const std::vector<Column>& columns,
                                          ExpressionError* error) {
  if (text.size() > kMaxExpressionBytes) {
    *error = {0, Concat("the expression is longer than ", kMaxExpressionBytes, " bytes")};
    return std::nullopt;
  }
  if (!IsUtf8(text)) {
    *error = {0, "the expression is not valid UTF-8"};
    return std::nullopt;
  }
  Expression expression;
  if (!ExpressionParser(text, columns, error).Parse(&expression)) return std::nullopt;
  expression.text = std::string(absl::StripAsciiWhitespace(AbslView(text)));
  return expression;
}

}  // namespace sluice::contract
