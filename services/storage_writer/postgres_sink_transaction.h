#pragma once
// The rows of one transaction on their way into the tables. One COPY is open at a time: clean rows,
// nearly all of them, are streamed into it while batches arrive; the rows of the other tables are
// few and wait in memory for Finish.

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "postgres/connection.h"
#include "storage_writer/postgres_sink_batch.h"

namespace sluice::storage_writer {

/// What rows of all batches have in common.
struct RowOrigin {
  std::string pipeline;
  int generation = 1;
  std::string sink;
};

inline constexpr const char* kCopyCellFailuresSql =
    "COPY sluice.cell_failures (pipeline, generation, topic, partition, kafka_offset, contract_id, "
    "rule_id, column_name, "
    "offending_value, reason, verdict, load_timestamp) FROM STDIN (FORMAT binary)";

/// One row per broken rule of the batch's findings, in binary COPY format.
void EncodeCellFailures(const PendingBatch& pending, const RowOrigin& origin,
                        int64_t load_timestamp_us, CopyBuffer* out);

/// Owned by the sink; lives from the first streamed batch to the end of the transaction.
class PostgresTransaction {
 public:
  PostgresTransaction(postgres::Connection* connection, const RowOrigin* origin)
      : connection_(connection), origin_(origin) {}

  /// Begin if need be, and add the rows of one batch. The batch's tables are known and its
  /// partitions exist.
  absl::Status Add(const PendingBatch& pending);
  /// End the open COPY and write the other tables. After it the session takes other statements.
  absl::Status Finish();

 private:
  // Rows of one table and one contract, in memory.
  struct Waiting {
    const std::string* copy_sql;
    CopyBuffer rows;
    int64_t count = 0;
  };
  absl::Status StreamClean(const PendingBatch& pending, const BatchConstants& constants);
  absl::Status EndCopy();
  CopyBuffer* WaitingRows(const std::string* copy_sql, size_t count);

  postgres::Connection* connection_;
  const RowOrigin* origin_;
  bool begun_ = false;
  const std::string* open_ = nullptr;  // SQL of the open COPY
  int64_t open_count_ = 0;             // rows sent into it
  CopyBuffer chunk_;
  std::vector<Waiting> waiting_;
};

/// COPY `rows` (without header and trailer) with `copy_sql`. kFailedPrecondition: another number of
/// rows was stored (a trigger swallowed some).
absl::Status CopyRows(postgres::Connection* connection, const std::string& copy_sql,
                      std::string_view rows, int64_t count);

/// The clock that load_timestamp shows: microseconds since 1970-01-01.
int64_t LoadTimestampNow();

}  // namespace sluice::storage_writer
