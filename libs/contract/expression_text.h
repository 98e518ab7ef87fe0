#pragma once
// Expression to text: the inverse of the parser, and the short description of a violation.

#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "contract/expression.h"

namespace sluice::contract {

/// Text that parses to an equal expression, but for kEveryItem: "every item of tags: item <= 9".
std::string ToText(const Expression& expression, const std::vector<Column>& columns);

/// What holds when the condition does not: "speed_kmph > 250" for `speed_kmph <= 250`, "fuel_level
/// null" for `fuel_level is not null`, "tags: item > 9" for every item of it. At most about 120
/// bytes.
std::string ViolationText(const Expression& expression, const std::vector<Column>& columns);

/// A column as the rule language writes it: its name, or its path, in backticks where a name is no
/// plain word.
std::string ColumnText(const Column& column);

/// The same of a name that is no path.
std::string QuoteName(std::string_view name);

/// The shortest decimal text that reads back as `value`.
std::string NumberText(double value);

}  // namespace sluice::contract
