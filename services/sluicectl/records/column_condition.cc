#include "sluicectl/records/column_condition.h"

#include <algorithm>
#include <memory>

#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/row_json.h"
#include "contract/suggestion.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"

namespace sluice::sluicectl {
namespace {

using contract::LogicalType;

bool IsBare(LogicalType type) {
  return type == LogicalType::kInteger || type == LogicalType::kNumber ||
         type == LogicalType::kBoolean;
}

absl::Status Unknown(std::string_view name, const contract::Contract& contract) {
  std::vector<std::string_view> known;
  std::string list;
  for (const contract::Column& column : contract.columns) {
    known.push_back(column.name);
    Append(&list, list.empty() ? "" : ", ", column.name);
  }
  return absl::InvalidArgumentError(Concat("--where: the contract has no column `", name, "`",
                                           contract::DidYouMean(name, known), "; it has: ", list));
}

// The row of a record that has this column and no other, as JSON without its braces.
absl::StatusOr<std::string> ReadMember(const contract::Column& column, std::string_view value) {
  auto alone = std::make_shared<contract::Contract>();
  alone->columns = {column};
  alone->columns[0].required = true;
  std::string record = "{";
  batch::AppendJsonString(column.name, &record);
  record += ':';
  if (IsBare(column.type)) {
    record += value;
  } else {
    batch::AppendJsonString(value, &record);
  }
  record += '}';
  record::BatchBuilder builder(alone);
  const record::Judgement judgement = record::RecordParser(alone).Parse(
      std::nullopt, record, /*timestamp_ms=*/0, /*offset=*/0, &builder);
  if (judgement.verdict != batch::Verdict::kValid) {
    return absl::InvalidArgumentError(
        Concat("--where: `", value, "` is no value of column ", column.name,
               ", which is written as in a record: ",
               judgement.reason ? batch::Name(*judgement.reason) : batch::Name(judgement.verdict)));
  }
  const std::string json = batch::RowJson(*alone, *builder.Finish(), 0);
  return json.substr(1, json.size() - 2);
}

absl::StatusOr<ColumnCondition> ParseCondition(const std::string& text,
                                               const contract::Contract& contract) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(Concat("--where: `", text, "` is not COLUMN=VALUE"));
  }
  ColumnCondition condition{text.substr(0, equals), "", text.substr(equals + 1), ""};
  const int index = contract.FindColumn(condition.column);
  if (index < 0) return Unknown(condition.column, contract);
  contract::Column column = contract.columns[static_cast<size_t>(index)];
  if (column.list) {
    return absl::InvalidArgumentError(Concat("--where: column ", column.name,
                                             " is an array: name a column that holds one value"));
  }
  condition.table_column = column.TableName();
  // Without the objects around it, the member stands in a record as it does in them.
  column.name = std::string(contract.MemberName(column.name, column.object));
  column.object = -1;
  SLUICE_ASSIGN_OR_RETURN(condition.member, ReadMember(column, condition.value));
  if (column.type == LogicalType::kString) return condition;
  std::string name;
  batch::AppendJsonString(column.name, &name);
  condition.value = condition.member.substr(name.size() + 1);
  // Dates and times hold nothing that JSON escapes.
  if (!IsBare(column.type)) condition.value = condition.value.substr(1, condition.value.size() - 2);
  return condition;
}

}  // namespace

absl::StatusOr<std::vector<ColumnCondition>> ParseConditions(const std::vector<std::string>& texts,
                                                             const contract::Contract& contract) {
  std::vector<ColumnCondition> conditions;
  for (const std::string& text : texts) {
    SLUICE_ASSIGN_OR_RETURN(ColumnCondition condition, ParseCondition(text, contract));
    if (std::any_of(conditions.begin(), conditions.end(),
                    [&](const auto& other) { return other.column == condition.column; })) {
      return absl::InvalidArgumentError(
          Concat("--where: column ", condition.column, " is named twice"));
    }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

}  // namespace sluice::sluicectl
