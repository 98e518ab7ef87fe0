#pragma once
// The PostgreSQL sink: rows, ledger and position of every commit in one transaction (READ
// COMMITTED).
//
//   Append   keeps the batch; from 256 KB on it is streamed into an open COPY at once, so that the
//   server works meanwhile Commit   the rest of the rows, the other tables, then ledger and
//   coverage as the last statement, COMMIT
// New partitions, tables and contracts are made between transactions: if one is needed while a COPY
// is open, the transaction is rolled back and begun again from the batches kept in memory. A data
// error (SQLSTATE 22, 23, 54) does the same, by halves (postgres_sink_search.h). The position is
// compared and set on (next_offset, epoch): a fenced owner commits nothing.
//
// One session; one thread. Nothing is connected until it is needed, and a session that fails is
// replaced by the next call. Every wait has a deadline (postgres/connection.h), so a call takes at
// most about half a minute.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "postgres/connection.h"
#include "stage/sink.h"
#include "storage_writer/postgres_sink_batch.h"
#include "storage_writer/postgres_sink_ledger.h"
#include "storage_writer/postgres_sink_tables.h"
#include "storage_writer/postgres_sink_transaction.h"

namespace sluice::storage_writer {

struct PostgresSinkOptions {
  postgres::ConnectionOptions connection;
  int64_t stream_at_bytes =
      256 << 10;  ///< pending bytes at which rows begin to be streamed before Commit
  /// A session of another instance that has waited for its client inside a COPY for so long is
  /// ended when it blocks DDL.
  absl::Duration stuck_after = absl::Seconds(10);
};

class PostgresSink final : public stage::Sink {
 public:
  /// The sink of `pipeline.postgres`; connects later. kInvalidArgument: the pipeline has none, or
  /// no URL.
  static absl::StatusOr<std::unique_ptr<stage::Sink>> Create(
      const contract::PipelineConfig& pipeline, const std::string& database_url,
      const std::string& instance_id, const PostgresSinkOptions& options = {});

  std::string_view name() const override { return config_.name; }
  absl::Status Prepare(const contract::Contract& contract) override;
  absl::StatusOr<std::optional<stage::SinkPosition>> TakeOver(const std::string& topic,
                                                              int32_t partition) override;
  void Release(int32_t partition) override;
  absl::Status Append(stage::AcceptedBatch batch) override;
  absl::StatusOr<stage::CommitReceipt> Commit() override;
  void Abandon() override;
  int64_t pending_rows() const override { return pending_rows_; }
  int64_t pending_bytes() const override { return pending_bytes_; }
  absl::Status Ping() override;

 private:
  PostgresSink(const contract::PipelineConfig& pipeline, std::string database_url,
               std::string instance_id, const PostgresSinkOptions& options);

  absl::Status Connect();
  absl::Status CheckLedger(const std::string& topic, int32_t partition);
  absl::Status CheckNext(const batch::Coverage& coverage) const;
  absl::Status MakeReady();
  absl::Status StreamPending();
  absl::Status AccountAndCommit();
  absl::Status CommitAtOnce();
  absl::Status CommitBySearch();
  absl::Status RollBack();
  absl::Status Fail(absl::Status status);
  stage::CommitReceipt Settle();
  void ForgetPending();
  absl::Status ForgetPending(int32_t partition);

  const contract::PostgresSinkConfig config_;
  const RowOrigin origin_;
  const std::string database_url_;
  const std::string instance_id_;
  const PostgresSinkOptions options_;

  std::unique_ptr<postgres::Connection> connection_;
  PostgresTables tables_;
  std::map<int32_t, HeldPartition> held_;
  std::vector<PendingBatch> pending_;
  int64_t pending_rows_ = 0;
  int64_t pending_bytes_ = 0;
  std::unique_ptr<PostgresTransaction> transaction_;  // open
  size_t streamed_ = 0;                               // batches of `pending_` that are in it
};

}  // namespace sluice::storage_writer
