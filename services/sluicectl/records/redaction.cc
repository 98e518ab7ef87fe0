#include "sluicectl/records/redaction.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/status.h"
#include "batch/row_json.h"
#include "contract/classification.h"
#include "rules/explanation.h"

namespace sluice::sluicectl {

absl::StatusOr<Redaction> Redaction::Of(const contract::PipelineConfig& pipeline, bool show) {
  Redaction redaction(show);
  if (show) return redaction;
  SLUICE_ASSIGN_OR_RETURN(const auto contract, contract::LoadContract(pipeline.contract_path));
  redaction.Add(*contract);
  return redaction;
}

void Redaction::Add(const contract::Contract& contract) {
  if (show_) return;
  for (const contract::Column& column : contract.columns) {
    if (!contract::IsClassified(column)) continue;
    columns_.insert(column.name);
    table_columns_.insert(column.TableName());
  }
}

bool Redaction::Hides(const contract::Contract& contract, const contract::Rule& rule) const {
  const std::vector<int> columns = rules::ColumnsOf(rule);
  return std::any_of(columns.begin(), columns.end(), [&](int column) {
    return columns_.count(contract.columns[static_cast<size_t>(column)].name) > 0;
  });
}

std::string Redaction::Row(const contract::Contract& contract, const arrow::RecordBatch& rows,
                           int64_t row) const {
  return batch::RedactedRowJson(contract, rows, row, columns_);
}

Json Redaction::Bytes(std::optional<std::string_view> bytes) const {
  if (!bytes) return {};
  return any() ? Json(contract::kRedacted) : Json(*bytes);
}

std::string Redaction::RowSql(const std::vector<std::string>& bytes,
                              std::vector<postgres::Parameter>* parameters) const {
  if (!any()) return "row_to_json(t)";
  Json hidden = Json::Array();
  for (const std::string& column : table_columns_) hidden.Add(column);
  for (const std::string& column : bytes) hidden.Add(column);
  parameters->push_back(hidden.Dump());
  const std::string names = Concat("$", parameters->size(), "::json");
  parameters->push_back(std::string(contract::kRedacted));
  const std::string instead = Concat("$", parameters->size(), "::text");
  return Concat(
      "(SELECT json_object_agg(m.key, CASE WHEN json_typeof(m.value) <> 'null' AND m.key "
      "IN (SELECT json_array_elements_text(",
      names, ")) THEN to_json(", instead, ") ELSE m.value END) FROM json_each(row_to_json(t)) m)");
}

void AddShowClassified(CLI::App* app, bool* show) {
  app->add_flag("--show-classified", *show,
                "Also values that the contract classifies as neither public nor internal");
}

}  // namespace sluice::sluicectl
