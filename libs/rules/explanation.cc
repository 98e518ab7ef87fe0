#include "rules/explanation.h"

#include <algorithm>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/row_json.h"
#include "batch/schema.h"
#include "contract/expression_text.h"
#include "contract/timestamp.h"

namespace sluice::rules {
namespace {

std::string Shorten(std::string text) {
  if (text.size() <= kMaxValueBytes) return text;
  size_t end = kMaxValueBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

/// Whether JSON writes values of this type in quotes.
bool IsQuoted(arrow::Type::type type) {
  return type != arrow::Type::INT64 && type != arrow::Type::DOUBLE && type != arrow::Type::BOOL;
}

std::optional<std::string> CellText(const arrow::Array& array, int64_t row, bool json = false);

/// As JSON, as far as anybody wants to read. `json`: the items are.
std::string ItemsText(const arrow::ListArray& array, int64_t row, bool json) {
  const arrow::Array& items = *array.values();
  std::string text = "[";
  for (int64_t i = array.value_offset(row);
       i < array.value_offset(row + 1) && text.size() <= kMaxValueBytes; ++i) {
    if (i > array.value_offset(row)) text += ',';
    const std::optional<std::string> item = CellText(items, i);
    if (item && !json && IsQuoted(items.type_id())) {
      batch::AppendJsonString(*item, &text);
    } else {
      text += item.value_or("null");
    }
  }
  return Shorten(text + "]");
}

std::optional<std::string> CellText(const arrow::Array& array, int64_t row, bool json) {
  if (row < 0 || row >= array.length() || array.IsNull(row)) return std::nullopt;
  std::string text;
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return Shorten(std::string(static_cast<const arrow::StringArray&>(array).GetView(row)));
    case arrow::Type::INT64:
      return Concat(static_cast<const arrow::Int64Array&>(array).Value(row));
    case arrow::Type::DOUBLE:
      return contract::NumberText(static_cast<const arrow::DoubleArray&>(array).Value(row));
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
    case arrow::Type::DATE32:
      contract::AppendDate(static_cast<const arrow::Date32Array&>(array).Value(row), &text);
      return text;
    case arrow::Type::TIME64:
      contract::AppendTimeOfDay(static_cast<const arrow::Time64Array&>(array).Value(row), &text);
      return text;
    case arrow::Type::TIMESTAMP: {
      int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
      const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
      if (type.unit() == arrow::TimeUnit::MILLI &&
          __builtin_mul_overflow(value, int64_t{1000}, &value))
        return "out of range";
      contract::AppendTimestamp(value, &text);
      return text;
    }
    case arrow::Type::LIST:
      return ItemsText(static_cast<const arrow::ListArray&>(array), row, json);
    default:
      return std::nullopt;
  }
}

void CollectColumns(const contract::Expression& e, std::vector<int>* columns) {
  if (e.op == contract::Op::kColumn &&
      std::find(columns->begin(), columns->end(), e.column) == columns->end()) {
    columns->push_back(e.column);
  }
  for (const contract::Expression& arg : e.args) CollectColumns(arg, columns);
}

}  // namespace

bool IsBroken(std::string_view failed_rules, int rule) {
  const size_t byte = static_cast<size_t>(rule) / 8;
  return byte < failed_rules.size() &&
         (static_cast<unsigned char>(failed_rules[byte]) >> (rule % 8) & 1) != 0;
}

std::string Summary(const contract::Contract& contract, std::string_view failed_rules,
                    bool with_warnings) {
  std::string text;
  for (size_t i = 0; i < contract.rules.size(); ++i) {
    const contract::Rule& rule = contract.rules[i];
    if (!IsBroken(failed_rules, static_cast<int>(i))) continue;
    if (rule.action == contract::Action::kWarn && !with_warnings) continue;
    Append(&text, text.empty() ? "" : ", ", rule.summary);
  }
  return text;
}

std::optional<std::string> OffendingValue(const contract::Contract& contract,
                                          const arrow::RecordBatch& batch, int64_t row,
                                          int column) {
  const int field = column == contract::kTimestampColumn ? static_cast<int>(batch::kTimestamp)
                                                         : batch::kSystemColumns + column;
  if (field < 0 || field >= batch.num_columns()) return std::nullopt;
  const bool json = column >= 0 && contract.columns[static_cast<size_t>(column)].type ==
                                       contract::LogicalType::kJson;
  return CellText(*batch.column(field), row, json);
}

std::optional<std::string> OffendingValue(const contract::Contract& contract,
                                          const contract::Rule& rule,
                                          const arrow::RecordBatch& batch, int64_t row) {
  if (rule.column_index >= 0) return OffendingValue(contract, batch, row, rule.column_index);
  std::vector<int> columns;
  CollectColumns(rule.predicate, &columns);
  std::string text;
  for (int column : columns) {
    const std::string_view name = column == contract::kTimestampColumn
                                      ? std::string_view("_timestamp")
                                      : contract.columns[column].name;
    Append(&text, text.empty() ? "" : ", ", name, " = ",
           OffendingValue(contract, batch, row, column).value_or("null"));
  }
  return Shorten(std::move(text));
}

std::vector<int> ColumnsOf(const contract::Rule& rule) {
  std::vector<int> columns;
  if (rule.column_index >= 0) columns.push_back(rule.column_index);
  CollectColumns(rule.predicate, &columns);
  std::erase(columns, contract::kTimestampColumn);
  return columns;
}

absl::StatusOr<std::vector<RuleResult>> Explain(RuleEvaluator* evaluator,
                                                const arrow::RecordBatch& batch, int64_t row) {
  SLUICE_ASSIGN_OR_RETURN(const std::string failed, evaluator->FailedRulesOfRow(batch, row));
  const contract::Contract& contract = evaluator->contract();
  std::vector<RuleResult> results;
  for (size_t i = 0; i < contract.rules.size(); ++i) {
    results.push_back({static_cast<int>(i), !IsBroken(failed, static_cast<int>(i)),
                       OffendingValue(contract, contract.rules[i], batch, row)});
  }
  return results;
}

}  // namespace sluice::rules
