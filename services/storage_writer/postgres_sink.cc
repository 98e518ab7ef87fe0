#include "storage_writer/postgres_sink.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres/sql_state.h"
#include "storage_writer/postgres_sink_search.h"

namespace sluice::storage_writer {
namespace {

// A lost range has no rows, but it may end a window, whose results name their contract.
bool NeedsTables(const PendingBatch& pending) {
  const batch::Coverage& coverage = pending.batch.coverage;
  return pending.batch.contract != nullptr && (!coverage.lost || !coverage.closed_windows.empty());
}

}  // namespace

absl::StatusOr<std::unique_ptr<stage::Sink>> PostgresSink::Create(
    const contract::PipelineConfig& pipeline, const std::string& database_url,
    const std::string& instance_id, const PostgresSinkOptions& options) {
  if (!pipeline.postgres)
    return absl::InvalidArgumentError(Concat("pipeline ", pipeline.name, " has no postgres sink"));
  if (database_url.empty())
    return absl::InvalidArgumentError("the postgres sink needs --database-url");
  SLUICE_RETURN_IF_ERROR(postgres::CheckUrl(database_url));
  return std::unique_ptr<stage::Sink>(
      new PostgresSink(pipeline, database_url, instance_id, options));
}

PostgresSink::PostgresSink(const contract::PipelineConfig& pipeline, std::string database_url,
                           std::string instance_id, const PostgresSinkOptions& options)
    : config_(*pipeline.postgres),
      origin_{pipeline.name, pipeline.generation, pipeline.postgres->name},
      database_url_(std::move(database_url)),
      instance_id_(std::move(instance_id)),
      options_(options),
      tables_(pipeline.name, pipeline.generation, *pipeline.postgres, options.stuck_after) {}

absl::Status PostgresSink::Connect() {
  if (connection_ != nullptr && connection_->alive()) return absl::OkStatus();
  transaction_.reset();
  streamed_ = 0;
  tables_.Forget();
  for (PendingBatch& pending : pending_) pending.tables = nullptr;
  SLUICE_ASSIGN_OR_RETURN(
      connection_,
      postgres::Connection::Connect(database_url_, Concat(kApplicationName, "/", instance_id_),
                                    options_.connection));
  return absl::OkStatus();
}

absl::Status PostgresSink::RollBack() {
  transaction_.reset();
  streamed_ = 0;
  return connection_ == nullptr ? absl::OkStatus() : connection_->Rollback();
}

void PostgresSink::ForgetPending() {
  pending_.clear();
  pending_rows_ = 0;
  pending_bytes_ = 0;
  for (auto& [partition, held] : held_) held.has_appended = false;
}

// What was appended under an earlier ownership must not be committed under a later one.
absl::Status PostgresSink::ForgetPending(int32_t partition) {
  const auto of_partition = [&](const PendingBatch& pending) {
    return pending.batch.coverage.partition == partition;
  };
  if (std::none_of(pending_.begin(), pending_.end(), of_partition)) return absl::OkStatus();
  const absl::Status status = RollBack();
  std::erase_if(pending_, of_partition);
  pending_rows_ = 0;
  pending_bytes_ = 0;
  for (const PendingBatch& pending : pending_) {
    pending_rows_ += pending.batch.rows == nullptr ? 0 : pending.batch.rows->num_rows();
    pending_bytes_ += pending.bytes;
  }
  return status;
}

// After an error nothing of the transaction is left, and a session that may be of no use is
// replaced.
absl::Status PostgresSink::Fail(absl::Status status) {
  const absl::Status rolled_back = RollBack();
  ForgetPending();
  if (!rolled_back.ok() || IsRetryable(status) || connection_ == nullptr || !connection_->alive()) {
    connection_.reset();
    tables_.Forget();
  }
  if (absl::IsOutOfRange(status) || absl::IsInvalidArgument(status)) {
    // A data error where no row is to blame.
    absl::Status stop =
        Annotate(absl::FailedPreconditionError(status.message()), "the database refused");
    return stop;
  }
  return status;
}

absl::Status PostgresSink::Prepare(const contract::Contract& contract) {
  absl::Status status = Connect();
  if (status.ok()) status = RollBack();
  if (status.ok()) {
    status =
        tables_.Ensure(*connection_, std::make_shared<const contract::Contract>(contract)).status();
  }
  return status.ok() ? status : Fail(std::move(status));
}

absl::StatusOr<std::optional<stage::SinkPosition>> PostgresSink::TakeOver(const std::string& topic,
                                                                          int32_t partition) {
  absl::Status status = Connect();
  // An open transaction is begun again later, from memory.
  if (status.ok()) status = RollBack();
  if (status.ok()) status = ForgetPending(partition);
  if (!status.ok()) return Fail(std::move(status));
  const auto row = connection_->Query(
      "INSERT INTO sluice.coverage AS c (pipeline, generation, sink, topic, partition, instance) "
      "VALUES ($1, $2::integer, $3, $4, $5::integer, $6) "
      "ON CONFLICT (pipeline, generation, sink, topic, partition) "
      "DO UPDATE SET epoch = c.epoch + 1, instance = excluded.instance, updated_at = "
      "clock_timestamp() "
      "RETURNING next_offset, epoch, topic_id, hint",
      {origin_.pipeline, Concat(origin_.generation), origin_.sink, topic, Concat(partition),
       instance_id_});
  if (!row.ok()) return Fail(Annotate(row.status(), Concat("take over partition ", partition)));
  SLUICE_FAULT_POINT("writer.taken_over");
  absl::Status agrees = CheckLedger(topic, partition);
  if (!agrees.ok()) return Fail(std::move(agrees));
  HeldPartition& held = held_[partition];
  held.topic = topic;
  held.next = row->OptionalInteger(0, 0);
  held.epoch = row->Integer(0, 1);
  held.topic_id = row->Text(0, 2);
  held.has_appended = false;
  if (!held.next) return std::nullopt;
  return stage::SinkPosition{*held.next, held.topic_id, row->OptionalInteger(0, 3)};
}

// Somebody may have taken the coverage row away or moved the position. Going on from there would
// write rows twice, or none for records that have not landed. Both are read by one statement of its
// own: the one that takes over may have waited for a commit, whose ledger its snapshot lacks.
absl::Status PostgresSink::CheckLedger(const std::string& topic, int32_t partition) {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result row,
      connection_->Query(
          "SELECT c.next_offset, (SELECT l.next_offset FROM sluice.ledger l WHERE "
          "(l.pipeline, l.generation, l.sink, l.topic, l.partition) = "
          "(c.pipeline, c.generation, c.sink, c.topic, c.partition) "
          "ORDER BY l.first_offset DESC LIMIT 1) FROM sluice.coverage c WHERE c.pipeline = $1 AND "
          "c.generation = $2::integer AND c.sink = $3 AND c.topic = $4 AND c.partition = "
          "$5::integer",
          {origin_.pipeline, Concat(origin_.generation), origin_.sink, topic, Concat(partition)}));
  if (row.rows() == 0)
    return absl::AbortedError(Concat("the position of partition ", partition, " is gone again"));
  const auto landed = row.OptionalInteger(0, 1);
  if (!landed || landed == row.OptionalInteger(0, 0)) return absl::OkStatus();
  return absl::FailedPreconditionError(Concat(
      "sluice.coverage contradicts the ledger: partition ", partition, " has landed up to ",
      *landed, ", its next_offset is ", row.IsNull(0, 0) ? "null" : row.Text(0, 0),
      "; set next_offset to ", *landed, " and origin to the ledger's smallest first_offset there"));
}

void PostgresSink::Release(int32_t partition) {
  const absl::Status status = ForgetPending(partition);
  held_.erase(partition);
  if (!status.ok()) Fail(status).IgnoreError();
}

absl::Status PostgresSink::CheckNext(const batch::Coverage& coverage) const {
  const auto found = held_.find(coverage.partition);
  if (found == held_.end())
    return absl::InternalError(Concat("partition ", coverage.partition, " is not held"));
  const HeldPartition& held = found->second;
  if (!held.topic_id.empty() && !coverage.topic_id.empty() && held.topic_id != coverage.topic_id) {
    return absl::DataLossError(Concat("the stored position of partition ", coverage.partition,
                                      " belongs to another log: topic id ", held.topic_id,
                                      ", the batch has ", coverage.topic_id));
  }
  const batch::Offset expected =
      held.has_appended ? held.appended : held.next.value_or(coverage.origin);
  if (coverage.range.first == expected && coverage.range.next >= coverage.range.first)
    return absl::OkStatus();
  return absl::InternalError(Concat("a batch does not begin where the sink is: partition ",
                                    coverage.partition, ", [", coverage.range.first, ", ",
                                    coverage.range.next, "), expected ", expected));
}

absl::Status PostgresSink::Append(stage::AcceptedBatch batch) {
  absl::Status status = CheckNext(batch.coverage);
  if (!status.ok()) return Fail(std::move(status));
  HeldPartition& held = held_.at(batch.coverage.partition);
  held.appended = batch.coverage.range.next;
  held.has_appended = true;
  absl::StatusOr<PendingBatch> pending = SortOut(std::move(batch), config_);
  if (!pending.ok()) return Fail(pending.status());
  pending_rows_ += pending->batch.rows == nullptr ? 0 : pending->batch.rows->num_rows();
  pending_bytes_ += pending->bytes;
  pending_.push_back(*std::move(pending));
  if (pending_bytes_ < options_.stream_at_bytes) return absl::OkStatus();
  status = StreamPending();
  return status.ok() ? status : Fail(std::move(status));
}

// Tables and partitions for all pending batches exist. Nothing of this may run inside the
// transaction.
absl::Status PostgresSink::MakeReady() {
  std::map<tables::PartitionBucket, int64_t> buckets;
  bool ready = true;
  for (PendingBatch& pending : pending_) {
    if (!NeedsTables(pending)) continue;
    if (pending.tables == nullptr) pending.tables = tables_.Find(*pending.batch.contract);
    ready = ready && pending.tables != nullptr;
    for (const auto& [bucket, rows] : pending.buckets) {
      buckets[bucket] += rows;
      ready = ready && tables_.IsSettled(bucket);
    }
  }
  if (ready) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(RollBack());
  for (PendingBatch& pending : pending_) {
    if (!NeedsTables(pending) || pending.tables != nullptr) continue;
    SLUICE_ASSIGN_OR_RETURN(pending.tables, tables_.Ensure(*connection_, pending.batch.contract));
  }
  return tables_.SettlePartitions(*connection_, buckets);
}

absl::Status PostgresSink::StreamPending() {
  SLUICE_RETURN_IF_ERROR(Connect());
  SLUICE_RETURN_IF_ERROR(MakeReady());
  if (transaction_ == nullptr)
    transaction_ = std::make_unique<PostgresTransaction>(connection_.get(), &origin_);
  for (; streamed_ < pending_.size(); ++streamed_)
    SLUICE_RETURN_IF_ERROR(transaction_->Add(pending_[streamed_]));
  return absl::OkStatus();
}

// The last two statements of every transaction.
absl::Status PostgresSink::AccountAndCommit() {
  SLUICE_FAULT_POINT("writer.before_position");
  SLUICE_RETURN_IF_ERROR(Account(*connection_, origin_, instance_id_, held_, pending_));
  SLUICE_FAULT_POINT("writer.before_commit");
  SLUICE_RETURN_IF_ERROR(connection_->Commit());
  SLUICE_FAULT_POINT("writer.committed");
  return absl::OkStatus();
}

absl::Status PostgresSink::CommitAtOnce() {
  if (SLUICE_MISTAKE("commit_before_rows")) {
    SLUICE_RETURN_IF_ERROR(RollBack());
    SLUICE_RETURN_IF_ERROR(MakeReady());
    SLUICE_RETURN_IF_ERROR(connection_->Begin());
    SLUICE_RETURN_IF_ERROR(AccountAndCommit());
  }
  SLUICE_RETURN_IF_ERROR(StreamPending());
  SLUICE_RETURN_IF_ERROR(transaction_->Finish());
  if (SLUICE_MISTAKE("rows_before_commit")) {
    SLUICE_RETURN_IF_ERROR(connection_->Commit());
    SLUICE_RETURN_IF_ERROR(connection_->Begin());
  }
  return SLUICE_MISTAKE("commit_before_rows") ? connection_->Commit() : AccountAndCommit();
}

absl::Status PostgresSink::CommitBySearch() {
  SLUICE_RETURN_IF_ERROR(RollBack());
  SLUICE_RETURN_IF_ERROR(MakeReady());
  SLUICE_RETURN_IF_ERROR(connection_->Begin());
  SLUICE_RETURN_IF_ERROR(PostgresRowSearch(connection_.get(), &origin_).Land(&pending_));
  return AccountAndCommit();
}

absl::StatusOr<stage::CommitReceipt> PostgresSink::Commit() {
  if (pending_.empty()) return stage::CommitReceipt{};
  const absl::Time start = absl::Now();
  absl::Status status = CommitAtOnce();
  if (postgres::IsDataError(status)) status = CommitBySearch();
  if (!status.ok()) return Fail(std::move(status));
  stage::CommitReceipt receipt = Settle();
  receipt.duration = absl::Now() - start;
  return receipt;
}

// After COMMIT: what is stored is what was appended.
stage::CommitReceipt PostgresSink::Settle() {
  stage::CommitReceipt receipt;
  for (const PendingBatch& pending : pending_) {
    const batch::Coverage& coverage = pending.batch.coverage;
    receipt.rejected += pending.rejected_count();
    receipt.rows += pending.row_count() - pending.rejected_count();
    receipt.next[coverage.partition] = coverage.range.next;
    HeldPartition& held = held_.at(coverage.partition);
    held.next = coverage.range.next;
    if (!coverage.topic_id.empty()) held.topic_id = coverage.topic_id;
  }
  transaction_.reset();
  streamed_ = 0;
  ForgetPending();
  return receipt;
}

void PostgresSink::Abandon() {
  const absl::Status status = RollBack();
  ForgetPending();
  if (status.ok()) return;
  connection_.reset();
  tables_.Forget();
}

absl::Status PostgresSink::Ping() {
  // Data is flowing: whether the server answers shows at the commit.
  if (transaction_ != nullptr && connection_ != nullptr && connection_->alive())
    return absl::OkStatus();
  absl::Status status = Connect();
  if (status.ok()) status = connection_->Exec("SELECT 1").status();
  if (!status.ok()) connection_.reset();
  return status;
}

}  // namespace sluice::storage_writer
