#pragma once
// Text to Expression: lexer, grammar and types of the rule language (the grammar is in
// expression.h).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "contract/expression.h"

namespace sluice::contract {

inline constexpr size_t kMaxExpressionBytes = 8192;
inline constexpr int kMaxExpressionDepth = 50;
inline constexpr int kMaxExpressionNodes = 1000;

struct ExpressionError {
  size_t offset = 0;  ///< of the guilty token, in bytes
  std::string message;
};

/// The boolean expression written in `text`; nothing, and `error` filled in, when it is none.
std::optional<Expression> ParseExpression(std::string_view text, const std::vector<Column>& columns,
                                          ExpressionError* error);

/// A compiled pattern; null, and `error` filled in, when RE2 cannot execute it.
std::shared_ptr<const re2::RE2> CompilePattern(std::string_view pattern, std::string* error);

/// What evaluation gives for this column, or for one value of this type.
ValueType ValueTypeOf(const Column& column);
ValueType ValueTypeOf(LogicalType type);

/// "a number", "text", ... for messages.
std::string_view Describe(ValueType type);

// Building blocks for rules that do not come from text.
Expression ColumnExpression(int column, ValueType type);
/// An item of `array` as a column of its own, "item": column 0 of Expression::item.
Column ItemColumn(const Column& array);
/// That `condition`, over ItemColumn, is not false of any item of column `array`.
Expression EveryItem(int array, Expression condition);
Expression LiteralExpression(ValueType type, decltype(Expression::literal) value);
Expression Combine(Op op, std::vector<Expression> args);  ///< of boolean type
Expression Matches(Expression value, std::shared_ptr<const re2::RE2> pattern);

}  // namespace sluice::contract
