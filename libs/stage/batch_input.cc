#include "stage/batch_input.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "stage/topics.h"

namespace sluice::stage {

BatchInput::BatchInput(const Context& context, std::string topic)
    : context_(context), topic_(std::move(topic)), contracts_(context.kafka, context.admin) {}

absl::StatusOr<kafka::Offset> BatchInput::Open(int32_t partition, std::optional<batch::Offset> next,
                                               const std::string& topic_id,
                                               std::optional<kafka::Offset> hint) {
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          context_.admin->QueryWatermarks({topic_, partition}, kRequestTimeout));
  Partition& state = partitions_[partition] = Partition{};
  if (next) state.reader.emplace(*next);
  state.topic_id = topic_id;
  // A hint beyond the log is of another log; one before its begin has expired. Early is safe.
  state.done = hint && *hint >= log.begin && *hint <= log.end ? *hint : log.begin;
  return state.done;
}

void BatchInput::Close(int32_t partition) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  if (found->second.reader && found->second.reader->gap()) context_.metrics->GapClosed(partition);
  partitions_.erase(found);
}

absl::StatusOr<std::optional<InputBatch>> BatchInput::Offer(kafka::Message message) {
  const int32_t number = message.partition();
  Partition& partition = partitions_.at(number);
  const kafka::Offset internal_offset = message.offset();
  const auto header = message.Header(batch::kCoverageHeader);
  auto decoded =
      header ? batch::DecodeCoverage(*header) : absl::InvalidArgumentError("no coverage header");
  const bool readable = decoded.ok() && message.value();
  if (!readable || decoded->pipeline != context_.pipeline.name ||
      decoded->generation != context_.pipeline.generation ||
      decoded->topic != context_.pipeline.source_topic || decoded->partition != number) {
    using Ignore = StageMetrics::Ignore;
    context_.metrics->Ignored(!header    ? Ignore::kNoBatch
                              : readable ? Ignore::kOtherPipeline
                                         : Ignore::kUnreadable);
    partition.done = internal_offset + 1;
    return std::nullopt;
  }
  batch::Coverage coverage = *std::move(decoded);
  SLUICE_RETURN_IF_ERROR(CheckSameLog(partition, coverage));
  if (!partition.reader) partition.reader.emplace(coverage.origin);

  if (SLUICE_MISTAKE("gap_stepped_over") && coverage.range.first > partition.reader->next())
    partition.reader.emplace(coverage.range.first);
  const batch::Offset next = partition.reader->next();
  const batch::Acceptance acceptance = batch::Accept(next, coverage.range);
  if (acceptance == batch::Acceptance::kRepeat || acceptance == batch::Acceptance::kGap) {
    if (acceptance == batch::Acceptance::kRepeat) {
      OnRepeat(number, partition, coverage);
    } else {
      OnGap(number, partition, coverage);
    }
    partition.done = std::max(partition.done, internal_offset + 1);
    return std::nullopt;
  }

  SLUICE_ASSIGN_OR_RETURN(batch::Decoder * decoder, DecoderFor(coverage.contract.content_hash));
  InputBatch input;
  input.contract = decoder->shared_contract();
  input.internal_offset = internal_offset;
  // The rows refer to the message's memory, so it lives as long as they do.
  auto owner = std::make_shared<kafka::Message>(std::move(message));
  auto rows = decoder->Decode(*owner->value(), owner, coverage);
  if (rows.ok() && coverage.range.first < next && !SLUICE_MISTAKE("no_trim")) {
    input.trimmed = true;
    rows = decoder->Trim(**rows, next, &coverage);
  }
  if (!rows.ok()) {
    // Nobody's batch, whatever its header says. If it was one, the next batch shows the gap.
    log::Error("a batch cannot be read and is ignored", {{"topic", topic_},
                                                         {"partition", number},
                                                         {"offset", internal_offset},
                                                         {"error", rows.status()}});
    context_.metrics->Ignored(StageMetrics::Ignore::kUnreadable);
    partition.done = internal_offset + 1;
    return std::nullopt;
  }
  const bool had_gap = partition.reader->gap().has_value();
  partition.reader->Offer(coverage.range);
  if (had_gap && !partition.reader->gap()) {
    context_.metrics->GapClosed(number);
    partition.reread = false;
  }
  partition.done = internal_offset + 1;
  partition.last = coverage;
  input.coverage = std::move(coverage);
  input.rows = *std::move(rows);
  return input;
}

absl::StatusOr<batch::Decoder*> BatchInput::DecoderFor(const std::string& content_hash) {
  auto found = decoders_.find(content_hash);
  if (found == decoders_.end()) {
    SLUICE_ASSIGN_OR_RETURN(auto contract, contracts_.Find(content_hash));
    found = decoders_.emplace(content_hash, std::make_unique<batch::Decoder>(std::move(contract)))
                .first;
  }
  return found->second.get();
}

absl::Status BatchInput::CheckSameLog(Partition& partition, const batch::Coverage& coverage) {
  if (partition.topic_id.empty()) partition.topic_id = coverage.topic_id;
  if (coverage.topic_id.empty() || coverage.topic_id == partition.topic_id) return absl::OkStatus();
  return absl::DataLossError(Concat(
      "the source topic was recreated: its records are another log; start a new generation (topic ",
      coverage.topic, ", partition ", coverage.partition, "): position has id ", partition.topic_id,
      ", batch has ", coverage.topic_id));
}

void BatchInput::OnRepeat(int32_t number, Partition& partition, const batch::Coverage& coverage) {
  const int64_t records = batch::Total(coverage.counts);
  partition.repeated += records;
  context_.metrics->Repeated(number, records);
}

void BatchInput::OnGap(int32_t number, Partition& partition, const batch::Coverage& coverage) {
  const bool first = !partition.reader->gap().has_value();
  partition.reader->Offer(coverage.range);
  if (first) context_.metrics->GapOpened(number);
  if (partition.reread) return;
  partition.reread = true;
  log::Error(
      "gap: records are missing between two batches; nothing is applied beyond it. Reading the log "
      "once more; if it "
      "stays open: sluicectl repair",
      {{"topic", topic_},
       {"partition", number},
       {"missing_from", partition.reader->next()},
       {"missing_to", coverage.range.first}});
  const auto log = context_.admin->QueryWatermarks({topic_, number}, kRequestTimeout);
  if (!log.ok()) return;
  const absl::Status status = context_.read_from(number, log->begin);
  if (!status.ok())
    log::Warn("the log could not be read again", {{"partition", number}, {"error", status}});
}

std::optional<batch::Offset> BatchInput::next(int32_t partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || !found->second.reader) return std::nullopt;
  return found->second.reader->next();
}

std::map<int32_t, kafka::Offset> BatchInput::DoneOffsets() const {
  std::map<int32_t, kafka::Offset> offsets;
  for (const auto& [number, partition] : partitions_) {
    // With a gap open the messages beyond it are not done with.
    if (!partition.reader || !partition.reader->gap()) offsets[number] = partition.done;
  }
  return offsets;
}

void BatchInput::Describe(int32_t number, service::PartitionStatus* status) const {
  const auto found = partitions_.find(number);
  if (found == partitions_.end()) return;
  const Partition& partition = found->second;
  status->repeated_records = partition.repeated;
  if (partition.last) {
    status->origin = partition.last->origin;
    status->watermark_us = partition.last->watermark_us;
    status->idle = partition.last->idle;
    status->contract_version = partition.last->contract.version;
    status->contract_hash = partition.last->contract.content_hash;
  }
  if (!partition.reader) return;
  status->next = partition.reader->next();
  if (const auto gap = partition.reader->gap()) {
    status->state = service::PartitionState::kGap;
    status->gap_first = gap->first;
    status->gap_next = gap->next;
  }
}

}  // namespace sluice::stage
