#include "storage_writer/sink_worker.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/log.h"
#include "base/status.h"
#include "stage/topics.h"

namespace sluice::storage_writer {
namespace {

// Records older than this are a backlog: then the cost of a commit counts, not its delay.
constexpr absl::Duration kFresh = absl::Seconds(1);

}  // namespace

SinkWorker::SinkWorker(const stage::Context& context, std::unique_ptr<stage::Sink> sink,
                       const CommitPolicy& policy,
                       std::shared_ptr<const contract::Contract> contract)
    : context_(context),
      sink_(std::move(sink)),
      policy_(policy),
      contract_(std::move(contract)),
      input_(context, context.pipeline.InternalTopic(stage::kCheckedStage)) {
  context_.metrics->Sink(std::string(sink_->name()));
  Promise(*contract_);
}

absl::Status SinkWorker::Prepare() {
  SLUICE_RETURN_IF_ERROR(sink_->Prepare(*contract_));
  auto input = context_.admin->Describe(input_.topic(), stage::kRequestTimeout);
  if (absl::IsNotFound(input.status())) {
    return absl::UnavailableError(Concat("no stage has created the topic yet: ", input_.topic()));
  }
  return input.status();
}

absl::StatusOr<kafka::Offset> SinkWorker::Open(int32_t number, std::optional<int64_t> rewind_to) {
  // The sink takes partitions over between two transactions.
  if (!pending_.empty()) Commit();
  if (!faults_.empty()) {  // whatever it was to another partition: this one may try again
    return absl::UnavailableError(faults_.front().status.message());
  }
  auto position = sink_->TakeOver(context_.pipeline.source_topic, number);
  SLUICE_RETURN_IF_ERROR(Annotate(position.status(), sink_->name()));
  partitions_[number] = Partition{};
  partitions_[number].has_position = position->has_value();
  // Going back means reading more of the log again: what is before the position is a repeat.
  if (!position->has_value()) return input_.Open(number, std::nullopt, "", std::nullopt);
  return input_.Open(number, (*position)->next, (*position)->topic_id,
                     rewind_to ? std::nullopt : (*position)->hint);
}

void SinkWorker::Close(int32_t number) {
  if (pending_.contains(number)) Commit();
  sink_->Release(number);
  input_.Close(number);
  partitions_.erase(number);
  done_.erase(number);
}

void SinkWorker::Take(kafka::Message message) {
  if (!faults_.empty()) return;  // the transaction is gone: everything is read again
  const int32_t number = message.partition();
  Partition& partition = partitions_.at(number);
  auto input = input_.Offer(std::move(message));
  if (!input.ok()) {
    faults_.push_back({number, input.status()});
    return;
  }
  if (!input->has_value()) return;
  stage::InputBatch& batch = **input;
  if (batch.coverage.watermark_us)
    context_.metrics->Watermark(number, *batch.coverage.watermark_us);
  const batch::Coverage& coverage = batch.coverage;
  Promise(*batch.contract);
  if (coverage.range.empty() && partition.has_position) {
    // What lies before it has landed already, or is pending.
    if (!pending_.contains(number)) Landed(number, coverage.watermark_us);
    return;
  }
  context_.metrics->Received(number, batch::Total(coverage.counts));
  context_.taps->Offer(*batch.rows, *batch.contract, number);
  Pending& pending = pending_[number];
  pending.counts += coverage.counts;
  pending.newest_timestamp_ms = std::max(pending.newest_timestamp_ms, coverage.newest_timestamp_ms);
  pending.watermark_us = coverage.watermark_us;
  pending_since_ = std::min(pending_since_, absl::Now());
  partition.has_position = true;
  const absl::Status status =
      sink_->Append({std::move(batch.coverage), std::move(batch.rows), std::move(batch.contract),
                     batch.internal_offset, batch.trimmed});
  if (!status.ok()) {
    FailAll(status);
  } else if (sink_->pending_rows() >= policy_.rows || sink_->pending_bytes() >= policy_.bytes) {
    Commit();
  }
}

bool SinkWorker::CommitIsDue(absl::Time now) const {
  if (pending_.empty()) return false;
  int64_t newest = -1;
  for (const auto& [number, pending] : pending_)
    newest = std::max(newest, pending.newest_timestamp_ms);
  const bool fresh = now - absl::FromUnixMillis(newest) < kFresh;
  return fresh || now - pending_since_ >= policy_.age;
}

void SinkWorker::Tick(absl::Time now, std::vector<stage::Fault>* faults) {
  if (faults_.empty() && CommitIsDue(now)) Commit();
  faults->insert(faults->end(), faults_.begin(), faults_.end());
  faults_.clear();
}

absl::Time SinkWorker::Deadline() const {
  return pending_.empty() ? absl::InfiniteFuture() : pending_since_ + policy_.age;
}

void SinkWorker::Commit() {
  const absl::StatusOr<stage::CommitReceipt> receipt = sink_->Commit();
  if (!receipt.ok()) {
    FailAll(receipt.status());
    return;
  }
  context_.metrics->SinkCommit(receipt->duration, receipt->rows, receipt->rejected);
  const absl::Time now = absl::Now();
  for (const auto& [number, pending] : pending_) {
    context_.metrics->Emitted(number, pending.counts);
    if (pending.newest_timestamp_ms >= 0) {
      context_.metrics->EndToEndLatency(now - absl::FromUnixMillis(pending.newest_timestamp_ms),
                                        batch::Total(pending.counts));
    }
    if (const auto found = partitions_.find(number); found != partitions_.end())
      found->second.verdicts += pending.counts;
    Landed(number, pending.watermark_us);
  }
  pending_.clear();
  pending_since_ = absl::InfiniteFuture();
  done_ = input_.DoneOffsets();
}

void SinkWorker::FailAll(const absl::Status& status) {
  sink_->Abandon();
  pending_.clear();
  pending_since_ = absl::InfiniteFuture();
  if (absl::IsAborted(status)) {
    context_.metrics->SinkFenced();
  } else {
    context_.metrics->SinkRetry();
  }
  // One transaction holds all partitions: none of them is where its reader thinks it is.
  for (const auto& [number, partition] : partitions_)
    faults_.push_back({number, Annotate(status, sink_->name())});
}

void SinkWorker::Promise(const contract::Contract& contract) {
  std::optional<absl::Duration> objective;
  if (contract.freshness) objective = contract.freshness->objective;
  if (objective != freshness_objective_) context_.metrics->FreshnessObjective(objective);
  freshness_objective_ = objective;
}

// The watermark is that far behind the newest event time, which the validator has seen.
void SinkWorker::Landed(int32_t number, std::optional<int64_t> watermark_us) {
  const auto found = partitions_.find(number);
  if (found == partitions_.end() || !watermark_us) return;
  found->second.newest_event_us =
      *watermark_us + absl::ToInt64Microseconds(context_.pipeline.watermark_delay);
  context_.metrics->NewestEvent(number, *found->second.newest_event_us);
}

absl::StatusOr<service::SeekResult> SinkWorker::AcceptLoss(int32_t, bool) {
  return absl::FailedPreconditionError(
      "a loss is accepted where records are read first: send it to the ingest-validator");
}

absl::StatusOr<service::ReloadResult> SinkWorker::ReloadContract() {
  return absl::FailedPreconditionError(
      "a sink takes the contract from the batches: reload it at the ingest-validator");
}

std::map<int32_t, kafka::OffsetAndMetadata> SinkWorker::DoneOffsets() const {
  std::map<int32_t, kafka::OffsetAndMetadata> offsets;  // the sink itself remembers the rest
  for (const auto& [number, offset] : done_) offsets[number].offset = offset;
  return offsets;
}

void SinkWorker::Describe(int32_t number, service::PartitionStatus* status) const {
  const auto found = partitions_.find(number);
  if (found == partitions_.end()) return;
  input_.Describe(number, status);
  for (int i = 0; i < batch::kVerdictCount; ++i) {
    status->verdicts[std::string(batch::kVerdictNames[static_cast<size_t>(i)])] =
        found->second.verdicts[static_cast<size_t>(i)];
  }
}

void SinkWorker::DescribeAll(absl::Time now, service::PipelineStatus* status) const {
  if (freshness_objective_)
    status->freshness_objective_ms = absl::ToInt64Milliseconds(*freshness_objective_);
  std::optional<int64_t> newest_us;
  for (const auto& [number, partition] : partitions_)
    newest_us = std::max(newest_us, partition.newest_event_us);
  if (newest_us)
    status->freshness_ms = absl::ToInt64Milliseconds(now - absl::FromUnixMicros(*newest_us));
}

}  // namespace sluice::storage_writer
