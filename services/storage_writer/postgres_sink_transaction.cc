#include "storage_writer/postgres_sink_transaction.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "rules/explanation.h"
#include "storage_writer/copy_encoder_text.h"

namespace sluice::storage_writer {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
constexpr size_t kRowsPerStep = 256;  // rows between two looks at the size of the chunk

absl::Status CheckCount(int64_t stored, int64_t sent) {
  if (stored == sent) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Concat("the database stored ", stored, " of ", sent,
             " rows without an error: is there a trigger that drops rows?"));
}

}  // namespace

int64_t LoadTimestampNow() { return absl::ToUnixMicros(absl::Now()); }

void EncodeCellFailures(const PendingBatch& pending, const RowOrigin& origin,
                        int64_t load_timestamp_us, CopyBuffer* out) {
  const stage::AcceptedBatch& batch = pending.batch;
  if (pending.findings.empty()) return;
  const arrow::RecordBatch& rows = *batch.rows;
  const auto& failed_rules =
      static_cast<const arrow::FixedSizeBinaryArray&>(*rows.column(batch::kFailedRules));
  const auto& offsets = static_cast<const arrow::Int64Array&>(*rows.column(batch::kOffset));
  const auto& verdicts = static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict));
  for (const int32_t row : pending.findings) {
    const std::string_view bits = failed_rules.GetView(row);
    for (size_t index = 0; index < batch.contract->rules.size(); ++index) {
      if (!rules::IsBroken(bits, static_cast<int>(index))) continue;
      const contract::Rule& rule = batch.contract->rules[index];
      out->AppendRow(12);
      out->AppendField(origin.pipeline);
      out->AppendInt32(origin.generation);
      out->AppendField(batch.coverage.topic);
      out->AppendInt32(batch.coverage.partition);
      out->AppendInt64(offsets.Value(row));
      out->AppendInt32(pending.tables->contract_id);
      out->AppendField(VisibleText(rule.id));
      rule.column.empty() ? out->AppendNull() : out->AppendField(VisibleText(rule.column));
      const std::optional<std::string> value =
          rules::OffendingValue(*batch.contract, rule, rows, row);
      value ? out->AppendField(VisibleText(*value)) : out->AppendNull();
      out->AppendField(VisibleText(rule.summary));
      out->AppendField(batch::Name(static_cast<batch::Verdict>(verdicts.Value(row))));
      out->AppendInt64(load_timestamp_us - kPostgresEpochMicros);
    }
  }
}

absl::Status CopyRows(postgres::Connection* connection, const std::string& copy_sql,
                      std::string_view rows, int64_t count) {
  SLUICE_RETURN_IF_ERROR(connection->CopyBegin(copy_sql));
  SLUICE_RETURN_IF_ERROR(connection->CopyPut(kCopyHeader));
  SLUICE_RETURN_IF_ERROR(connection->CopyPut(rows));
  SLUICE_RETURN_IF_ERROR(connection->CopyPut(kCopyTrailer));
  SLUICE_ASSIGN_OR_RETURN(const int64_t stored, connection->CopyEnd());
  SLUICE_FAULT_POINT("writer.others_copied");
  return CheckCount(stored, count);
}

absl::Status PostgresTransaction::Add(const PendingBatch& pending) {
  if (!begun_) SLUICE_RETURN_IF_ERROR(connection_->Begin());
  SLUICE_FAULT_POINT("writer.begun");
  begun_ = true;
  if (pending.tables == nullptr || pending.batch.rows == nullptr) return absl::OkStatus();
  BatchConstants constants;
  constants.contract = pending.batch.contract.get();
  constants.partition = pending.batch.coverage.partition;
  constants.contract_id = pending.tables->contract_id;
  constants.load_timestamp_us = LoadTimestampNow();
  SLUICE_RETURN_IF_ERROR(StreamClean(pending, constants));
  for (const tables::TableRole role : {tables::TableRole::kFailed, tables::TableRole::kCorrupt}) {
    const std::vector<int32_t>& rows = pending.rows[static_cast<size_t>(role)];
    if (rows.empty()) continue;
    const ContractTables::Target& target = pending.tables->targets[static_cast<size_t>(role)];
    SLUICE_RETURN_IF_ERROR(target.encoder->Bind(*pending.batch.rows, constants));
    target.encoder->Encode(rows, WaitingRows(&target.copy_sql, rows.size()));
  }
  if (pending.cell_failures > 0) {
    static const std::string* const kCopySql = new std::string(kCopyCellFailuresSql);
    EncodeCellFailures(pending, *origin_, constants.load_timestamp_us,
                       WaitingRows(kCopySql, static_cast<size_t>(pending.cell_failures)));
  }
  return absl::OkStatus();
}

absl::Status PostgresTransaction::StreamClean(const PendingBatch& pending,
                                              const BatchConstants& constants) {
  const std::vector<int32_t>& rows = pending.rows[static_cast<size_t>(tables::TableRole::kClean)];
  if (rows.empty()) return absl::OkStatus();
  const ContractTables::Target& target =
      pending.tables->targets[static_cast<size_t>(tables::TableRole::kClean)];
  SLUICE_RETURN_IF_ERROR(target.encoder->Bind(*pending.batch.rows, constants));
  if (open_ != &target.copy_sql) {
    SLUICE_RETURN_IF_ERROR(EndCopy());
    SLUICE_RETURN_IF_ERROR(connection_->CopyBegin(target.copy_sql));
    open_ = &target.copy_sql;
    open_count_ = 0;
    chunk_.AppendBytes(kCopyHeader);
  }
  for (size_t begin = 0; begin < rows.size(); begin += kRowsPerStep) {
    const size_t count = std::min(kRowsPerStep, rows.size() - begin);
    target.encoder->Encode(absl::MakeConstSpan(rows).subspan(begin, count), &chunk_);
    if (chunk_.size() < kChunkBytes) continue;
    SLUICE_RETURN_IF_ERROR(connection_->CopyPut(chunk_.view()));
    SLUICE_FAULT_POINT("writer.within_copy");
    chunk_.clear();
  }
  open_count_ += static_cast<int64_t>(rows.size());
  return absl::OkStatus();
}

absl::Status PostgresTransaction::EndCopy() {
  if (open_ == nullptr) return absl::OkStatus();
  open_ = nullptr;
  chunk_.AppendBytes(kCopyTrailer);
  SLUICE_RETURN_IF_ERROR(connection_->CopyPut(chunk_.view()));
  chunk_.clear();
  SLUICE_ASSIGN_OR_RETURN(const int64_t stored, connection_->CopyEnd());
  SLUICE_FAULT_POINT("writer.clean_copied");
  return CheckCount(stored, open_count_);
}

CopyBuffer* PostgresTransaction::WaitingRows(const std::string* copy_sql, size_t count) {
  auto found = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](const Waiting& waiting) { return waiting.copy_sql == copy_sql; });
  if (found == waiting_.end()) found = waiting_.insert(waiting_.end(), Waiting{copy_sql, {}, 0});
  found->count += static_cast<int64_t>(count);
  return &found->rows;
}

absl::Status PostgresTransaction::Finish() {
  SLUICE_RETURN_IF_ERROR(EndCopy());
  for (const Waiting& waiting : waiting_) {
    SLUICE_RETURN_IF_ERROR(
        CopyRows(connection_, *waiting.copy_sql, waiting.rows.view(), waiting.count));
  }
  waiting_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::storage_writer
