#include "ingest_validator/validate_worker.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "stage/topics.h"

namespace sluice::ingest_validator {

ValidateWorker::ValidateWorker(const stage::Context& context,
                               std::shared_ptr<const contract::Contract> contract)
    : context_(context),
      contracts_(context, std::move(contract)),
      output_(context, context.pipeline.InternalTopic(stage::kValidatedStage),
              context.pipeline.source_topic),
      timer_(context.pipeline) {}

absl::Status ValidateWorker::Prepare() {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  auto source = context_.admin->Describe(pipeline.source_topic, stage::kRequestTimeout);
  if (absl::IsNotFound(source.status())) {
    return absl::UnavailableError(
        Concat("the source topic does not exist yet: ", pipeline.source_topic));
  }
  SLUICE_RETURN_IF_ERROR(source.status());
  SLUICE_RETURN_IF_ERROR(contracts_.Prepare());
  for (const char* stage : {stage::kValidatedStage, stage::kCheckedStage}) {
    SLUICE_RETURN_IF_ERROR(stage::EnsureInternalTopic(
        *context_.admin, pipeline, pipeline.InternalTopic(stage), source->partitions));
  }
  return absl::OkStatus();
}

absl::StatusOr<kafka::Offset> ValidateWorker::Open(int32_t number,
                                                   std::optional<int64_t> rewind_to) {
  SLUICE_ASSIGN_OR_RETURN(const Position position, ReadPosition(number));
  batch::Offset next = position.next;
  if (rewind_to && *rewind_to < next) {
    SLUICE_RETURN_IF_ERROR(CheckRewind(number, *rewind_to));
    next = std::max(*rewind_to, position.last.origin);
  }
  SLUICE_ASSIGN_OR_RETURN(Judge * judge, contracts_.After(position.last.contract));
  output_.Open(number, position.next, position.last);
  output_.emitter(number)->Rewind(next);
  partitions_.erase(number);
  partitions_.emplace(
      number, Partition{OpenBatch(judge, context_.pipeline, position.last, next, absl::Now())});
  return next;
}

absl::StatusOr<Position> ValidateWorker::ReadPosition(int32_t number) {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  auto source = context_.admin->Describe(pipeline.source_topic, stage::kRequestTimeout);
  if (absl::IsNotFound(source.status())) {
    return absl::UnavailableError(Concat("the source topic is gone: ", pipeline.source_topic));
  }
  SLUICE_RETURN_IF_ERROR(source.status());
  for (const char* stage : {stage::kValidatedStage, stage::kCheckedStage}) {
    SLUICE_RETURN_IF_ERROR(context_.admin->GrowTopic(pipeline.InternalTopic(stage),
                                                     source->partitions, stage::kRequestTimeout));
  }
  SLUICE_ASSIGN_OR_RETURN(stage::BatchOutput::End end, output_.ReadEnd(number));
  if (SLUICE_MISTAKE("position_from_group") && end.last) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto committed,
        context_.admin->CommittedOffset(pipeline.ConsumerGroup(stage::kValidatedStage),
                                        {pipeline.source_topic, number}, stage::kRequestTimeout));
    if (committed) end.last->range = {committed->offset, committed->offset};
  }
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks limits, SourceLimits(number));
  return FindPosition(pipeline, number, end, {source->id, limits});
}

absl::StatusOr<kafka::Watermarks> ValidateWorker::SourceLimits(int32_t number) {
  return context_.admin->QueryWatermarks({context_.pipeline.source_topic, number},
                                         stage::kRequestTimeout);
}

absl::Status ValidateWorker::CheckRewind(int32_t number, batch::Offset to) {
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks source, SourceLimits(number));
  if (to >= source.begin) return absl::OkStatus();
  refused_repairs_[number] = to;
  return absl::FailedPreconditionError(
      Concat("the source no longer has these records; sluicectl accept-loss writes them off: "
             "wanted=",
             to, " begin=", source.begin));
}

void ValidateWorker::Close(int32_t partition) {
  partitions_.erase(partition);
  output_.Close(partition);
  std::erase_if(waiting_, [partition](const kafka::Message& message) {
    return message.partition() == partition;
  });
}

void ValidateWorker::Take(kafka::Message message) {
  const int32_t number = message.partition();
  Partition& partition = partitions_.at(number);
  if (HasFailed(number)) return;
  if (!waiting_.empty() || partition.batch.IsFull()) {
    waiting_.push_back(std::move(message));
    return;
  }
  Add(partition, message);
  if (partition.batch.IsFull() && !output_.emitter(number)->in_flight())
    Emit(number, partition, absl::Now());
}

void ValidateWorker::Add(Partition& partition, const kafka::Message& message) {
  const auto corrupt =
      partition.batch.Add(message.key(), message.value(), message.timestamp_ms(), message.offset());
  if (corrupt) context_.metrics->Corrupt(*corrupt);
  if (!timer_.IsRunning() && !partition.batch.empty()) timer_.Start(absl::Now());
}

void ValidateWorker::TakeWaiting() {
  size_t taken = 0;
  for (; taken < waiting_.size(); ++taken) {
    const int32_t number = waiting_[taken].partition();
    if (HasFailed(number)) continue;
    Partition& partition = partitions_.at(number);
    if (partition.batch.IsFull()) {
      if (output_.emitter(number)->in_flight()) break;
      Emit(number, partition, absl::Now());
    }
    Add(partition, waiting_[taken]);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(taken));
}

void ValidateWorker::Emit(int32_t number, Partition& partition, absl::Time now) {
  const absl::Status status = Send(number, partition, now);
  if (!status.ok()) {
    // The rows have left the batch: whoever opens the partition again reads them again. Until then
    // nothing more may be sent, which would claim to account for them.
    output_.Close(number);
    faults_.push_back({number, status});
    return;
  }
  UseNewerContract(partition);
}

absl::Status ValidateWorker::Send(int32_t number, Partition& partition, absl::Time now) {
  ClosedBatch closed = partition.batch.Close(now);
  if (SLUICE_MISTAKE("counts_from_elsewhere")) closed.coverage.counts = partition.in_flight;
  Judge& judge = partition.batch.judge();
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> value, judge.encoder.Encode(*closed.rows));
  SLUICE_RETURN_IF_ERROR(output_.Send(closed.coverage, std::move(value)));
  context_.metrics->Received(number, closed.rows->num_rows());
  if (closed.coverage.watermark_us)
    context_.metrics->Watermark(number, *closed.coverage.watermark_us);
  context_.taps->Offer(*closed.rows, *judge.contract(), number);
  partition.in_flight = closed.coverage.counts;
  partition.last_sent = now;
  return absl::OkStatus();
}

void ValidateWorker::UseNewerContract(Partition& partition) {
  Judge* newer = contracts_.NewerThan(partition.batch.header().contract);
  if (newer == nullptr) return;
  partition.batch.JudgeBy(newer);
  // A quiet partition says so in its next batch, at once.
  partition.last_sent = absl::InfinitePast();
  timer_.PunctuateAtOnce();
}

bool ValidateWorker::Settled() const {
  const bool empty = std::all_of(partitions_.begin(), partitions_.end(),
                                 [](const auto& entry) { return entry.second.batch.empty(); });
  return empty && waiting_.empty() && output_.idle();
}

void ValidateWorker::Tick(absl::Time now, std::vector<stage::Fault>* faults) {
  std::vector<stage::BatchOutput::Acknowledged> acknowledged;
  output_.Poll(&acknowledged, faults);
  for (const auto& batch : acknowledged) {
    Partition& partition = partitions_.at(batch.partition);
    partition.verdicts += partition.in_flight;
    context_.metrics->Emitted(batch.partition, partition.in_flight);
    context_.metrics->ProduceDuration(batch.latency);
  }
  if (!waiting_.empty()) TakeWaiting();
  EmitDue(now);
  faults->insert(faults->end(), faults_.begin(), faults_.end());
  faults_.clear();
}

void ValidateWorker::EmitDue(absl::Time now) {
  const bool records = timer_.RecordsAreDue(now);
  const bool punctuation = timer_.PunctuationIsDue(now);
  if (!records && !punctuation) return;
  bool left = false;
  for (auto& [number, partition] : partitions_) {
    const bool empty = partition.batch.empty();
    if (empty ? !timer_.IsSilent(partition.last_sent, now) : !records) continue;
    if (HasFailed(number)) continue;
    if (output_.emitter(number)->in_flight()) {
      left |= !empty;
    } else {
      Emit(number, partition, now);
    }
  }
  if (records) timer_.RecordsEmitted(now, left);
  if (punctuation) timer_.Punctuated(now);
}

absl::StatusOr<service::SeekResult> ValidateWorker::AcceptLoss(int32_t number, bool dry_run) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto source,
      context_.admin->Describe(context_.pipeline.source_topic, stage::kRequestTimeout));
  SLUICE_ASSIGN_OR_RETURN(const stage::BatchOutput::End end, output_.ReadEnd(number));
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks limits, SourceLimits(number));
  std::optional<batch::Offset> refused;
  if (const auto found = refused_repairs_.find(number); found != refused_repairs_.end())
    refused = found->second;
  SLUICE_ASSIGN_OR_RETURN(const batch::Range lost, FindLoss(end, {source.id, limits}, refused));
  const service::SeekResult result{lost.first, lost.next};
  if (dry_run) return result;

  SLUICE_ASSIGN_OR_RETURN(Judge * judge, contracts_.After(end.last->contract));
  batch::Coverage coverage = *end.last;
  coverage.contract = judge->ref;
  coverage.range = lost;
  coverage.counts = {};
  coverage.counts[static_cast<size_t>(batch::Verdict::kLost)] = lost.next - lost.first;
  coverage.lost = true;
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> value, judge->encoder.EncodeEmpty());
  SLUICE_RETURN_IF_ERROR(output_.SendAndWait(coverage, std::move(value)));
  refused_repairs_.erase(number);
  log::Warn("an operator accepted a loss",
            {{"partition", number}, {"from", lost.first}, {"to", lost.next}});
  return result;
}

absl::StatusOr<service::ReloadResult> ValidateWorker::ReloadContract() {
  SLUICE_ASSIGN_OR_RETURN(service::ReloadResult result, contracts_.Reload());
  // In force from the next batch boundary on: where records wait, once they are sent (Emit).
  for (auto& [number, partition] : partitions_) {
    if (partition.batch.empty()) UseNewerContract(partition);
  }
  return result;
}

std::map<int32_t, kafka::OffsetAndMetadata> ValidateWorker::DoneOffsets() const {
  std::map<int32_t, kafka::OffsetAndMetadata> offsets;
  for (const auto& [number, partition] : partitions_) {
    if (const batch::Emitter* emitter = output_.emitter(number))
      offsets[number] = {emitter->end(), output_.Note(number)};
  }
  return offsets;
}

void ValidateWorker::Describe(int32_t number, service::PartitionStatus* status) const {
  const auto found = partitions_.find(number);
  if (found == partitions_.end()) return;
  const batch::Coverage& header = found->second.batch.header();
  status->next = header.range.next;
  status->origin = header.origin;
  status->watermark_us = header.watermark_us;
  status->contract_version = header.contract.version;
  status->contract_hash = header.contract.content_hash;
  for (int i = 0; i < batch::kVerdictCount; ++i) {
    status->verdicts[std::string(batch::kVerdictNames[static_cast<size_t>(i)])] =
        found->second.verdicts[static_cast<size_t>(i)];
  }
}

}  // namespace sluice::ingest_validator
