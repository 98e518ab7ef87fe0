#pragma once
// After a data error: lands all rows but the guilty ones. Every part is tried under a savepoint and
// halved when it fails, down to the single row, which goes to sluice.dead_letters. All within the
// caller's transaction.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "postgres/connection.h"
#include "storage_writer/postgres_sink_batch.h"
#include "storage_writer/postgres_sink_transaction.h"

namespace sluice::storage_writer {

class PostgresRowSearch {
 public:
  PostgresRowSearch(postgres::Connection* connection, const RowOrigin* origin)
      : connection_(connection), origin_(origin) {}

  /// Land every batch, in an open transaction. Counts refusals in PendingBatch::rejected.
  absl::Status Land(std::vector<PendingBatch>* pending);

 private:
  struct Row {
    PendingBatch* pending;
    int32_t row;
    size_t end;  // of its bytes in `bytes_`
  };
  absl::Status LandTable(tables::TableRole role, PendingBatch* pending);
  absl::Status LandRange(const ContractTables::Target& target, tables::TableRole role, size_t begin,
                         size_t end);
  absl::Status DeadLetter(const ContractTables::Target& target, tables::TableRole role,
                          const Row& row, const absl::Status& why);

  postgres::Connection* connection_;
  const RowOrigin* origin_;
  CopyBuffer bytes_;
  std::vector<Row> rows_;
};

}  // namespace sluice::storage_writer
