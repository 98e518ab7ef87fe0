#include "qc/judgement.h"

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "batch/schema.h"

namespace sluice::qc {

std::shared_ptr<arrow::RecordBatch> WithJudgement(const arrow::RecordBatch& rows,
                                                  const rules::Outcome& outcome) {
  const int64_t count = rows.num_rows();
  static_assert(sizeof(batch::Verdict) == sizeof(uint8_t));
  auto verdicts = arrow::Buffer::FromString(
      std::string(reinterpret_cast<const char*>(outcome.verdicts.data()), outcome.verdicts.size()));
  auto bits = arrow::Buffer::FromString(
      std::string(outcome.failed_rules.begin(), outcome.failed_rules.end()));
  std::string validity(static_cast<size_t>((count + 7) / 8), '\0');
  int64_t nulls = 0;
  for (int64_t row = 0; row < count; ++row) {
    const bool broken = outcome.HasFailedRules(row);
    validity[static_cast<size_t>(row / 8)] |= static_cast<char>(broken << (row % 8));
    nulls += !broken;
  }
  arrow::ArrayDataVector columns = rows.column_data();
  columns[batch::kVerdict] =
      arrow::ArrayData::Make(arrow::uint8(), count, {nullptr, std::move(verdicts)}, 0);
  columns[batch::kFailedRules] = arrow::ArrayData::Make(
      rows.schema()->field(batch::kFailedRules)->type(), count,
      {arrow::Buffer::FromString(std::move(validity)), std::move(bits)}, nulls);
  return arrow::RecordBatch::Make(rows.schema(), count, std::move(columns));
}

}  // namespace sluice::qc
