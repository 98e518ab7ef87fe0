#include "ingest_validator/validate_worker.h"

#include <algorithm>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "batch/schema.h"
#include "stage/topics.h"

namespace sluice::ingest_validator {

namespace {

void LogComparison(std::string_view event, const contract::Contract& before,
                   const contract::Contract& after, const contract::Comparison& comparison) {
  log::Info(event, {{"version", after.version},
                    {"previous_version", before.version},
                    {"compatibility", comparison.name()},
                    {"changes", comparison.ToString()}});
}

}  // namespace

ValidateWorker::Judge::Judge(std::shared_ptr<const contract::Contract> contract,
                             const record::Limits& limits)
    : parser(contract, limits), encoder(contract) {}

ValidateWorker::Partition::Partition(Judge* judge)
    : judge(judge), builder(judge->encoder.shared_contract()) {}

ValidateWorker::ValidateWorker(const stage::Context& context,
                               std::shared_ptr<const contract::Contract> contract)
    : context_(context),
      limits_(record::LimitsOf(context.pipeline)),
      own_contract_(std::move(contract)),
      contracts_(context.kafka, context.admin),
      output_(context, context.pipeline.InternalTopic(stage::kValidatedStage),
              context.pipeline.source_topic) {}

absl::Status ValidateWorker::Prepare() {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  auto source = context_.admin->Describe(pipeline.source_topic, stage::kRequestTimeout);
  if (absl::IsNotFound(source.status())) {
    return absl::UnavailableError(
        Concat("the source topic does not exist yet: ", pipeline.source_topic));
  }
  SLUICE_RETURN_IF_ERROR(source.status());
  SLUICE_RETURN_IF_ERROR(contracts_.Prepare(pipeline.replication_factor));
  for (const char* stage : {stage::kValidatedStage, stage::kCheckedStage}) {
    SLUICE_RETURN_IF_ERROR(stage::EnsureInternalTopic(
        *context_.admin, pipeline, pipeline.InternalTopic(stage), source->partitions));
  }
  return absl::OkStatus();
}

absl::StatusOr<kafka::Offset> ValidateWorker::Open(int32_t number,
                                                   std::optional<int64_t> rewind_to) {
  SLUICE_ASSIGN_OR_RETURN(const Position position, FindPosition(number));
  batch::Offset next = position.next;
  if (rewind_to && *rewind_to < next) {
    SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks source,
                            context_.admin->QueryWatermarks(
                                {context_.pipeline.source_topic, number}, stage::kRequestTimeout));
    if (*rewind_to < source.begin) {
      refused_repairs_[number] = *rewind_to;
      return absl::FailedPreconditionError(
          Concat("the source no longer has these records; sluicectl accept-loss writes them "
                 "off: wanted=",
                 *rewind_to, " begin=", source.begin));
    }
    next = std::max(*rewind_to, position.header.origin);
  }
  SLUICE_ASSIGN_OR_RETURN(Judge * judge, JudgeFor(position.header.contract));
  Partition partition(judge);
  partition.header = position.header;
  partition.header.contract = {judge->encoder.contract().version,
                               judge->encoder.contract().content_hash};
  partition.newest_timestamp_ms = position.header.newest_timestamp_ms;
  partition.next = partition.header.range.next = next;
  output_.Open(number, position.next, position.header);
  output_.emitter(number)->Rewind(next);
  partitions_.erase(number);
  partitions_.emplace(number, std::move(partition));
  return next;
}

absl::StatusOr<ValidateWorker::Position> ValidateWorker::FindPosition(int32_t number) {
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
  SLUICE_ASSIGN_OR_RETURN(const stage::BatchOutput::End end, output_.ReadEnd(number));
  SLUICE_ASSIGN_OR_RETURN(
      const kafka::Watermarks log,
      context_.admin->QueryWatermarks({pipeline.source_topic, number}, stage::kRequestTimeout));
  if (!end.last) {
    SLUICE_ASSIGN_OR_RETURN(Position position, Begin(number, end, log));
    position.header.topic_id = source->id;
    return position;
  }
  Position position{*end.last, end.last->range.next};
  if (SLUICE_MISTAKE("position_from_group")) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto committed,
        context_.admin->CommittedOffset(pipeline.ConsumerGroup(stage::kValidatedStage),
                                        {pipeline.source_topic, number}, stage::kRequestTimeout));
    if (committed) position.next = committed->offset;
  }
  if (!position.header.topic_id.empty() && position.header.topic_id != source->id &&
      !SLUICE_MISTAKE("topic_id_ignored")) {
    return absl::DataLossError(
        Concat("the source topic was recreated: it is another log, and its offsets mean other "
               "records. Start a new generation (",
               "generation: in the pipeline file): expected id ", position.header.topic_id,
               ", found ", source->id));
  }
  if (log.end < position.next) {
    return absl::DataLossError(Concat(
        "the source ends before the position: it lost records or is another log: end=", log.end,
        " position=", position.next));
  }
  if (log.begin > position.next) {
    return absl::DataLossError(
        Concat("retention has overtaken the position; `sluicectl accept-loss` writes the missing "
               "records off: position=",
               position.next, " begin=", log.begin));
  }
  position.header.lost = false;
  return position;
}

absl::StatusOr<ValidateWorker::Position> ValidateWorker::Begin(int32_t number,
                                                               const stage::BatchOutput::End& end,
                                                               const kafka::Watermarks& source) {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  Position position;
  position.header.pipeline = pipeline.name;
  position.header.generation = pipeline.generation;
  position.header.topic = pipeline.source_topic;
  position.header.partition = number;
  if (end.log.end > 0) {
    return absl::DataLossError(
        Concat("all batches of this partition have expired, and the consumer group does not "
               "remember the position: it is lost. Start a new generation (group ",
               pipeline.ConsumerGroup(stage::kValidatedStage), ")"));
  }
  const bool earliest =
      pipeline.starting_offsets == contract::PipelineConfig::StartingOffsets::kEarliest;
  position.header.origin = position.next = earliest ? source.begin : source.end;
  return position;
}

absl::StatusOr<ValidateWorker::Judge*> ValidateWorker::JudgeFor(const batch::ContractRef& last) {
  // The log decides: our file counts once its version is higher than the one in force.
  const int newer =
      last.version.empty() ? 1 : contract::CompareVersions(own_contract_->version, last.version);
  if (newer == 0 && own_contract_->content_hash != last.content_hash) {
    return absl::FailedPreconditionError(
        Concat("the contract was changed without a new version: version ", last.version,
               " is in force with another content; raise `version`"));
  }
  // The one in force may have gone from the topic with it.
  if (newer >= 0) {
    if (newer > 0 && !last.version.empty()) CompareWith(last);
    SLUICE_RETURN_IF_ERROR(contracts_.Publish(own_contract_));
    return MakeJudge(own_contract_);
  }
  SLUICE_ASSIGN_OR_RETURN(auto contract, contracts_.Find(last.content_hash));
  return MakeJudge(std::move(contract));
}

void ValidateWorker::CompareWith(const batch::ContractRef& last) {
  if (!compared_.insert(last.content_hash).second) return;
  const auto before = contracts_.Find(last.content_hash);
  if (!before.ok()) {
    log::Warn("a newer contract comes into force; the one before is not there to compare it with",
              {{"version", own_contract_->version}, {"previous_version", last.version}});
    return;
  }
  LogComparison("a newer contract comes into force", **before, *own_contract_,
                contract::Compare(**before, *own_contract_));
}

ValidateWorker::Judge* ValidateWorker::MakeJudge(
    std::shared_ptr<const contract::Contract> contract) {
  std::unique_ptr<Judge>& judge = judges_[contract->content_hash];
  if (judge == nullptr) {
    judge = std::make_unique<Judge>(contract, limits_);
    const int column = contract->FindColumn(context_.pipeline.event_time_column);
    if (column >= 0) judge->event_time_field = batch::kSystemColumns + column;
  }
  return judge.get();
}

void ValidateWorker::UseOwnContract(Partition& partition) {
  if (contract::CompareVersions(own_contract_->version, partition.header.contract.version) <= 0)
    return;
  partition.judge = MakeJudge(own_contract_);
  partition.builder = record::BatchBuilder(own_contract_);
  partition.header.contract = {own_contract_->version, own_contract_->content_hash};
  partition.last_sent =
      absl::InfinitePast();  // a quiet partition says so in its next batch, at once
  punctuate_at_ = absl::InfinitePast();
}

void ValidateWorker::Close(int32_t partition) {
  partitions_.erase(partition);
  output_.Close(partition);
  std::erase_if(waiting_, [partition](const kafka::Message& message) {
    return message.partition() == partition;
  });
}

bool ValidateWorker::IsFull(const Partition& partition) const {
  return partition.builder.rows() >= context_.pipeline.batch_rows ||
         partition.builder.bytes() >= context_.pipeline.batch_bytes;
}

void ValidateWorker::Take(kafka::Message message) {
  Partition& partition = partitions_.at(message.partition());
  if (HasFailed(message.partition())) return;
  if (!waiting_.empty() || IsFull(partition)) {
    waiting_.push_back(std::move(message));
    return;
  }
  Add(partition, message);
  if (IsFull(partition) && !output_.emitter(message.partition())->in_flight()) {
    Emit(message.partition(), partition, absl::Now());
  }
}

void ValidateWorker::Add(Partition& partition, const kafka::Message& message) {
  if (message.offset() < partition.next) return;
  if (partition.builder.empty() && emit_at_ == absl::InfiniteFuture())
    emit_at_ = absl::Now() + context_.pipeline.batch_age;
  const record::Judgement judgement = partition.judge->parser.Parse(
      message.key(), message.value(),
      SLUICE_MISTAKE("verdict_by_clock") ? absl::ToUnixMillis(absl::Now()) : message.timestamp_ms(),
      message.offset(), &partition.builder);
  if (judgement.reason) context_.metrics->Corrupt(*judgement.reason);
  partition.next = message.offset() + 1;
  // A timestamp that no sink can store says nothing about how new the batch is.
  if (message.timestamp_ms() <= record::kMaxTimestampMs) {
    partition.newest_timestamp_ms = std::max(partition.newest_timestamp_ms, message.timestamp_ms());
  }
}

void ValidateWorker::TakeWaiting() {
  size_t taken = 0;
  for (; taken < waiting_.size(); ++taken) {
    const int32_t number = waiting_[taken].partition();
    if (HasFailed(number)) continue;
    Partition& partition = partitions_.at(number);
    if (IsFull(partition)) {
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
    // The rows have left the builder: whoever opens the partition again reads them again. Until
    // then nothing more may be sent, which would claim to account for them.
    output_.Close(number);
    faults_.push_back({number, status});
    return;
  }
  if (own_contract_->content_hash != partition.header.contract.content_hash)
    UseOwnContract(partition);
}

absl::Status ValidateWorker::Send(int32_t number, Partition& partition, absl::Time now) {
  batch::Coverage coverage = partition.header;
  coverage.range = {partition.header.range.next, partition.next};
  coverage.counts = partition.builder.counts();
  if (SLUICE_MISTAKE("counts_from_elsewhere")) coverage.counts = partition.in_flight;
  coverage.newest_timestamp_ms = partition.newest_timestamp_ms;
  if (!partition.builder.empty()) partition.last_record = now;
  coverage.idle = now - partition.last_record > context_.pipeline.idle_timeout;
  const std::shared_ptr<arrow::RecordBatch> rows = partition.builder.Finish();
  AdvanceWatermark(partition, *rows);
  coverage.watermark_us = partition.header.watermark_us;
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> value,
                          partition.judge->encoder.Encode(*rows));
  SLUICE_RETURN_IF_ERROR(output_.Send(coverage, std::move(value)));
  context_.metrics->Received(number, rows->num_rows());
  context_.taps->Offer(*rows, partition.judge->encoder.contract(), number);
  partition.header.range.next = partition.next;
  partition.in_flight = coverage.counts;
  partition.last_sent = now;
  return absl::OkStatus();
}

void ValidateWorker::AdvanceWatermark(Partition& partition, const arrow::RecordBatch& rows) {
  const auto& timestamps =
      static_cast<const arrow::TimestampArray&>(*rows.column(batch::kTimestamp));
  const int field = partition.judge->event_time_field;
  if (context_.pipeline.event_time_column.empty() || field < 0) {
    if (partition.newest_timestamp_ms >= 0)
      partition.newest_event_us = partition.newest_timestamp_ms * 1000;
  } else if (rows.column(field)->type_id() == arrow::Type::TIMESTAMP) {
    const auto& events = static_cast<const arrow::TimestampArray&>(*rows.column(field));
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      if (events.IsNull(i) || timestamps.IsNull(i)) continue;
      // Capped by the record's own timestamp: no future-dated event drags the watermark along.
      const int64_t event = std::min(events.Value(i), timestamps.Value(i) * 1000);
      partition.newest_event_us = std::max(partition.newest_event_us.value_or(event), event);
    }
  }
  if (!partition.newest_event_us) return;
  const int64_t watermark =
      *partition.newest_event_us - absl::ToInt64Microseconds(context_.pipeline.watermark_delay);
  partition.header.watermark_us =
      std::max(partition.header.watermark_us.value_or(watermark), watermark);
  context_.metrics->Watermark(partition.header.partition, *partition.header.watermark_us);
}

bool ValidateWorker::Settled() const {
  const bool empty = std::all_of(partitions_.begin(), partitions_.end(),
                                 [](const auto& p) { return p.second.builder.empty(); });
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
  const bool due = now >= emit_at_;
  const bool punctuate = now >= punctuate_at_;
  if (!due && !punctuate) return;
  bool left = false;
  for (auto& [number, partition] : partitions_) {
    const bool silent = now - partition.last_sent >= context_.pipeline.punctuation_interval;
    if (partition.builder.empty() ? !silent : !due) continue;
    if (HasFailed(number)) continue;
    if (output_.emitter(number)->in_flight()) {
      left |= !partition.builder.empty();
      continue;
    }
    Emit(number, partition, now);
  }
  // What waits for an acknowledgement is emitted when that wakes us up, with everything else that
  // has come by then.
  if (due) {
    emit_at_ = left ? now : absl::InfiniteFuture();
    emit_waits_for_ack_ = left;
  }
  if (punctuate) punctuate_at_ = now + context_.pipeline.punctuation_interval / 4;
}

absl::Time ValidateWorker::Deadline() const {
  return std::min(emit_waits_for_ack_ ? absl::InfiniteFuture() : emit_at_, punctuate_at_);
}

absl::StatusOr<service::SeekResult> ValidateWorker::AcceptLoss(int32_t number, bool dry_run) {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  SLUICE_ASSIGN_OR_RETURN(const auto source,
                          context_.admin->Describe(pipeline.source_topic, stage::kRequestTimeout));
  SLUICE_ASSIGN_OR_RETURN(const stage::BatchOutput::End end, output_.ReadEnd(number));
  SLUICE_ASSIGN_OR_RETURN(
      const kafka::Watermarks log,
      context_.admin->QueryWatermarks({pipeline.source_topic, number}, stage::kRequestTimeout));
  if (!end.last)
    return absl::FailedPreconditionError(
        "nothing of this partition was ever read: there is no position to go on from");
  if (!end.last->topic_id.empty() && end.last->topic_id != source.id) {
    return absl::FailedPreconditionError(
        "the source topic was recreated: its offsets mean other records, so the loss cannot be "
        "written into this generation; start a new one");
  }
  batch::Offset from = end.last->range.next;
  if (const auto refused = refused_repairs_.find(number); refused != refused_repairs_.end())
    from = std::min(from, refused->second);
  if (log.begin <= from)
    return absl::FailedPreconditionError(
        "nothing is lost: the source still has every record from the position on");
  if (dry_run) return service::SeekResult{from, log.begin};

  SLUICE_ASSIGN_OR_RETURN(Judge * judge, JudgeFor(end.last->contract));
  batch::Coverage coverage = *end.last;
  coverage.contract = {judge->encoder.contract().version, judge->encoder.contract().content_hash};
  coverage.range = {from, log.begin};
  coverage.counts = {};
  coverage.counts[static_cast<size_t>(batch::Verdict::kLost)] = log.begin - from;
  coverage.lost = true;
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> value, judge->encoder.EncodeEmpty());
  SLUICE_RETURN_IF_ERROR(output_.SendAndWait(coverage, std::move(value)));
  refused_repairs_.erase(number);
  log::Warn("an operator accepted a loss",
            {{"partition", number}, {"from", from}, {"to", log.begin}});
  return service::SeekResult{from, log.begin};
}

absl::StatusOr<service::ReloadResult> ValidateWorker::ReloadContract() {
  SLUICE_ASSIGN_OR_RETURN(auto contract, contract::LoadContract(context_.pipeline.contract_path));
  SLUICE_RETURN_IF_ERROR(contract::CheckPipeline(context_.pipeline, *contract));
  const int newer = contract::CompareVersions(contract->version, own_contract_->version);
  service::ReloadResult result{contract->version, own_contract_->version, {}};
  if (newer == 0 && contract->content_hash == own_contract_->content_hash) return result;
  if (newer <= 0) {
    return absl::FailedPreconditionError(Concat("a changed contract needs a higher version than ",
                                                own_contract_->version, "; the file has ",
                                                contract->version));
  }
  SLUICE_RETURN_IF_ERROR(contracts_.Publish(contract));
  result.comparison = contract::Compare(*own_contract_, *contract);
  LogComparison("the contract was reloaded", *own_contract_, *contract, result.comparison);
  own_contract_ = std::move(contract);
  // In force from the next batch boundary on: where records wait, once they are sent (Emit).
  for (auto& [number, partition] : partitions_) {
    if (partition.builder.empty()) UseOwnContract(partition);
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
  const Partition& partition = found->second;
  status->next = partition.header.range.next;
  status->origin = partition.header.origin;
  status->watermark_us = partition.header.watermark_us;
  status->contract_version = partition.header.contract.version;
  status->contract_hash = partition.header.contract.content_hash;
  for (int i = 0; i < batch::kVerdictCount; ++i) {
    status->verdicts[std::string(batch::kVerdictNames[static_cast<size_t>(i)])] =
        partition.verdicts[static_cast<size_t>(i)];
  }
}

}  // namespace sluice::ingest_validator
