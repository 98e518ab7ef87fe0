#include "storage_writer/postgres_sink_search.h"

#include "absl/strings/escaping.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/row_json.h"
#include "batch/schema.h"
#include "postgres/sql_state.h"
#include "storage_writer/copy_encoder_text.h"

namespace sluice::storage_writer {
namespace {

postgres::Parameter BytesParameter(const arrow::Array& column, int32_t row) {
  if (column.IsNull(row)) return std::nullopt;
  return Concat("\\x", absl::BytesToHexString(
                           AbslView(static_cast<const arrow::BinaryArray&>(column).GetView(row))));
}

postgres::Parameter TimestampParameter(const arrow::Array& column, int32_t row) {
  if (column.IsNull(row)) return std::nullopt;
  return Concat(static_cast<const arrow::TimestampArray&>(column).Value(row));
}

}  // namespace

absl::Status PostgresRowSearch::Land(std::vector<PendingBatch>* pending) {
  // Constraints that are checked at COMMIT would name no row.
  SLUICE_RETURN_IF_ERROR(connection_->Exec("SET CONSTRAINTS ALL IMMEDIATE").status());
  CopyBuffer findings;
  int64_t finding_count = 0;
  for (PendingBatch& batch : *pending) {
    batch.rejected = {};
    if (batch.tables == nullptr || batch.batch.rows == nullptr) continue;
    for (const tables::TableRole role :
         {tables::TableRole::kClean, tables::TableRole::kFailed, tables::TableRole::kCorrupt}) {
      SLUICE_RETURN_IF_ERROR(LandTable(role, &batch));
    }
    EncodeCellFailures(batch, *origin_, LoadTimestampNow(), &findings);
    finding_count += batch.cell_failures;
  }
  if (finding_count == 0) return absl::OkStatus();
  return CopyRows(connection_, kCopyCellFailuresSql, findings.view(), finding_count);
}

// Batch by batch: nearly all of them hold no guilty row and take one COPY.
absl::Status PostgresRowSearch::LandTable(tables::TableRole role, PendingBatch* pending) {
  const std::vector<int32_t>& rows = pending->rows[static_cast<size_t>(role)];
  if (rows.empty()) return absl::OkStatus();
  const ContractTables::Target& target = pending->tables->targets[static_cast<size_t>(role)];
  BatchConstants constants;
  constants.contract = pending->batch.contract.get();
  constants.partition = pending->batch.coverage.partition;
  constants.contract_id = pending->tables->contract_id;
  constants.load_timestamp_us = LoadTimestampNow();
  SLUICE_RETURN_IF_ERROR(target.encoder->Bind(*pending->batch.rows, constants));
  bytes_.clear();
  rows_.clear();
  for (const int32_t row : rows) {
    target.encoder->Encode({row}, &bytes_);
    rows_.push_back({pending, row, bytes_.size()});
  }
  return LandRange(target, role, 0, rows_.size());
}

absl::Status PostgresRowSearch::LandRange(const ContractTables::Target& target,
                                          tables::TableRole role, size_t begin, size_t end) {
  const size_t first_byte = begin == 0 ? 0 : rows_[begin - 1].end;
  const std::string_view bytes = bytes_.view().substr(first_byte, rows_[end - 1].end - first_byte);
  SLUICE_RETURN_IF_ERROR(connection_->Exec("SAVEPOINT row_search").status());
  const absl::Status status =
      CopyRows(connection_, target.copy_sql, bytes, static_cast<int64_t>(end - begin));
  if (status.ok()) return connection_->Exec("RELEASE SAVEPOINT row_search").status();
  if (!postgres::IsDataError(status)) return status;
  SLUICE_RETURN_IF_ERROR(
      connection_->Exec("ROLLBACK TO SAVEPOINT row_search; RELEASE SAVEPOINT row_search").status());
  if (end - begin == 1) return DeadLetter(target, role, rows_[begin], status);
  const size_t middle = begin + (end - begin) / 2;
  SLUICE_RETURN_IF_ERROR(LandRange(target, role, begin, middle));
  return LandRange(target, role, middle, end);
}

absl::Status PostgresRowSearch::DeadLetter(const ContractTables::Target& target,
                                           tables::TableRole role, const Row& row,
                                           const absl::Status& why) {
  const stage::AcceptedBatch& batch = row.pending->batch;
  const arrow::RecordBatch& rows = *batch.rows;
  const auto& offsets = static_cast<const arrow::Int64Array&>(*rows.column(batch::kOffset));
  const auto& verdicts = static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict));
  ++row.pending->rejected[static_cast<size_t>(role)];
  static log::Limiter* const limiter = new log::Limiter();
  limiter->Warn("the database refused a row, it is a dead letter",
                {{"table", target.name},
                 {"partition", batch.coverage.partition},
                 {"offset", offsets.Value(row.row)},
                 {"error", why}});
  if (SLUICE_MISTAKE("dead_letter_forgotten")) return absl::OkStatus();
  SLUICE_FAULT_POINT("writer.row_refused");
  postgres::Parameter record;
  if (role != tables::TableRole::kCorrupt)
    record = VisibleText(batch::RowJson(*batch.contract, rows, row.row));
  return Annotate(
      connection_
          ->QueryPrepared(
              "INSERT INTO sluice.dead_letters (pipeline, generation, sink, topic, partition, "
              "kafka_offset, target, sql_state, "
              "message, contract_id, verdict, message_key, record, raw, record_timestamp) VALUES "
              "($1, $2::integer, $3, $4, "
              "$5::integer, $6::bigint, $7, $8, $9, $10::integer, $11, $12::bytea, $13, "
              "$14::bytea, "
              "to_timestamp($15::bigint / 1000.0))",
              {origin_->pipeline, Concat(origin_->generation), origin_->sink, batch.coverage.topic,
               Concat(batch.coverage.partition), Concat(offsets.Value(row.row)), target.name,
               postgres::SqlState(why), VisibleText(StdView(why.message())),
               Concat(row.pending->tables->contract_id),
               std::string(batch::Name(static_cast<batch::Verdict>(verdicts.Value(row.row)))),
               BytesParameter(*rows.column(batch::kKey), row.row), std::move(record),
               BytesParameter(*rows.column(batch::kRaw), row.row),
               TimestampParameter(*rows.column(batch::kTimestamp), row.row)})
          .status(),
      "write a dead letter");
}

}  // namespace sluice::storage_writer
