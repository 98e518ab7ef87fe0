#include "contract/expression_parser.h"

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "contract/expression_grammar.h"
#include "contract/expression_text.h"

namespace sluice::contract {

namespace {

/// ToText writes parentheses that the text need not have: what is accepted must be within the
/// bounds with them too, so that it can always be read back.
bool IsTooLargeAsWritten(const Expression& expression, const std::vector<Column>& columns) {
  const std::string written = ToText(expression, columns);
  if (written.size() > kMaxExpressionBytes) return true;
  ExpressionError error;
  Expression again;
  ExpressionParser parser(written, columns, &error);
  return !parser.Parse(&again) && parser.too_large();
}

}  // namespace

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
  if (IsTooLargeAsWritten(expression, columns)) {
    *error = {0, Concat("with parentheses around every operation the expression is longer than ",
                        kMaxExpressionBytes, " bytes, has more than ", kMaxExpressionNodes,
                        " parts or is nested deeper than ", kMaxExpressionDepth, " levels")};
    return std::nullopt;
  }
  expression.text = std::string(absl::StripAsciiWhitespace(AbslView(text)));
  return expression;
}

}  // namespace sluice::contract
