#include "contract/literal_reader.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/expression_parser.h"
#include "contract/time_format.h"
#include "contract/timestamp.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

bool ReadLiteral(const YamlNode& node, const Column& column, Expression* literal,
                 Diagnostics* diagnostics) {
  const std::string& text = node.scalar;
  int64_t integer = 0;
  double number = 0;
  int32_t days = 0;
  const ValueType type = ValueTypeOf(column.type);
  if (node.IsScalar() && column.time_format != nullptr) {
    if (column.time_format->ParseBound(text, &integer)) {
      *literal = LiteralExpression(type, integer);
      return true;
    }
  } else if (node.IsScalar()) {
    switch (column.type) {
      case LogicalType::kString:
        *literal = LiteralExpression(type, text);
        return true;
      case LogicalType::kInteger:
        if (!absl::SimpleAtoi(text, &integer)) break;
        *literal = LiteralExpression(type, integer);
        return true;
      case LogicalType::kNumber:
        if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) break;
        *literal = LiteralExpression(type, number);
        return true;
      case LogicalType::kBoolean:
        if (std::optional<bool> value = ReadBoolean(node)) {
          *literal = LiteralExpression(type, *value);
          return true;
        }
        break;
      case LogicalType::kDate:
        if (!ParseDate(text, &days)) break;
        *literal = LiteralExpression(type, int64_t{days});
        return true;
      case LogicalType::kTimestamp:
        if (ParseDate(text, &days)) {
          integer = days * kMicrosPerDay;
        } else if (!ParseTimestamp(text, &integer)) {
          break;
        }
        *literal = LiteralExpression(type, integer);
        return true;
      case LogicalType::kTime:
        if (!ParseTimeOfDay(text, &integer)) break;
        *literal = LiteralExpression(type, integer);
        return true;
      case LogicalType::kJson:
        break;
    }
  }
  diagnostics->Error(node, "wrong-type",
                     Concat("this must be ", Describe(type), ", as the column is",
                            column.time_format != nullptr && column.time_format->has_pattern()
                                ? ", and written in its format"
                                : ""));
  return false;
}

}  // namespace sluice::contract
