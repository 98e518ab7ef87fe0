#include "sluicectl/contract/shadow_reader.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "batch/wire.h"
#include "sluicectl/records/record_trail.h"
#include "stage/topics.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);

/// The coverage of a batch of this pipeline; nothing: the message is somebody else's.
std::optional<batch::Coverage> CoverageOf(const kafka::Message& message,
                                          const contract::PipelineConfig& pipeline) {
  const auto header = message.Header(batch::kCoverageHeader);
  if (!header) return std::nullopt;
  auto coverage = batch::DecodeCoverage(*header);
  if (!coverage.ok() || coverage->pipeline != pipeline.name ||
      coverage->generation != pipeline.generation || coverage->topic != pipeline.source_topic ||
      coverage->partition != message.partition()) {
    return std::nullopt;
  }
  return *std::move(coverage);
}

kafka::TopicPartition ValidatedOf(const contract::PipelineConfig& pipeline, int32_t partition) {
  return {pipeline.InternalTopic(stage::kValidatedStage), partition};
}

}  // namespace

ShadowReader::ShadowReader(Shared* shared, int32_t partition, kafka::Offset batches_from)
    : shared_(shared),
      partition_(partition),
      batches_(shared->admin, ValidatedOf(*shared->pipeline, partition), batches_from,
               shared->chunk_bytes),
      to_(std::numeric_limits<int64_t>::max()) {}

kafka::TopicPartition ShadowReader::Validated() const {
  return ValidatedOf(*shared_->pipeline, partition_);
}

absl::StatusOr<ShadowReader> ShadowReader::FromNow(Shared* shared, int32_t partition) {
  const kafka::TopicPartition validated = ValidatedOf(*shared->pipeline, partition);
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          shared->admin->QueryWatermarks(validated, kRequestTimeout));
  ShadowReader reader(shared, partition, log.end);
  // What is emitted again from before the end is a repeat.
  const auto end = AccountedEnd(*shared->admin, *shared->pipeline, partition);
  if (end.ok()) {
    reader.reader_.emplace(*end);
  } else if (!absl::IsNotFound(end.status())) {
    return end.status();
  }
  return reader;
}

absl::StatusOr<ShadowReader> ShadowReader::OfRange(Shared* shared, int32_t partition, int64_t from,
                                                   int64_t to) {
  SLUICE_ASSIGN_OR_RETURN(
      const kafka::Offset near,
      BeginNear(*shared->admin, ValidatedOf(*shared->pipeline, partition), from));
  ShadowReader reader(shared, partition, near);
  reader.reader_.emplace(from);
  reader.to_ = to;
  return reader;
}

absl::Status ShadowReader::CatchUp() {
  while (!Done() && !shared_->Ended()) {
    SLUICE_ASSIGN_OR_RETURN(const kafka::Message* const message, batches_.Peek());
    if (message == nullptr) return absl::OkStatus();
    const auto coverage = CoverageOf(*message, *shared_->pipeline);
    if (coverage) {
      if (!reader_) reader_.emplace(coverage->range.first);
      const batch::Offset next = reader_->next();
      const batch::Acceptance acceptance = reader_->Offer(coverage->range);
      if (acceptance == batch::Acceptance::kApply) {
        SLUICE_RETURN_IF_ERROR(Judge({next, std::min(coverage->range.next, to_)}, *coverage));
      } else if (acceptance == batch::Acceptance::kGap) {
        SLUICE_ASSIGN_OR_RETURN(const bool again, ReadAgain());
        if (again) continue;
      }
    }
    batches_.Pop();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ShadowReader::ReadAgain() {
  if (read_again_for_ == reader_->next()) return false;
  read_again_for_ = reader_->next();
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          shared_->admin->QueryWatermarks(Validated(), kRequestTimeout));
  batches_ = LogReader(shared_->admin, Validated(), log.begin, shared_->chunk_bytes);
  return true;
}

absl::Status ShadowReader::Judge(const batch::Range& range, const batch::Coverage& coverage) {
  if (!range_) range_ = batch::Range{range.first, range.first};
  if (coverage.lost) {
    range_->next = range.next;
    return absl::OkStatus();
  }
  SLUICE_ASSIGN_OR_RETURN(const auto live,
                          shared_->contracts->Find(coverage.contract.content_hash));
  if (!source_) {
    source_.emplace(shared_->admin,
                    kafka::TopicPartition{shared_->pipeline->source_topic, partition_}, range.first,
                    shared_->chunk_bytes);
  }
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const kafka::Message* const message, source_->Peek());
    if (message == nullptr || message->offset() >= range.next) break;
    if (message->offset() >= range.first) {
      if (shared_->Ended()) return absl::OkStatus();
      SLUICE_RETURN_IF_ERROR(
          shared_->shadow->Add(live, {partition_, message->offset(), message->timestamp_ms(),
                                      message->key(), message->value()}));
      ++records_;
      ++shared_->records;
      range_->next = message->offset() + 1;
    }
    source_->Pop();
  }
  range_->next = range.next;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> AccountedEnd(kafka::Admin& admin, const contract::PipelineConfig& pipeline,
                                     int32_t partition) {
  constexpr int64_t kRecent = 8;
  const kafka::TopicPartition validated = ValidatedOf(pipeline, partition);
  const absl::Status none = absl::NotFoundError(Concat(
      "no batch in Kafka is of this pipeline: does its validator run? ", validated.ToString()));
  const auto log = admin.QueryWatermarks(validated, kRequestTimeout);
  if (absl::IsNotFound(log.status())) return none;
  SLUICE_RETURN_IF_ERROR(log.status());
  // The last batch, or a recent one when others wrote behind it.
  kafka::Offset from = log->end;
  while (from > log->begin) {
    from = std::max(log->begin, from - kRecent);
    SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> messages,
                            admin.Read(validated, from, kRecent, kRequestTimeout));
    int64_t end = -1;
    for (const kafka::Message& message : messages) {
      const auto coverage = CoverageOf(message, pipeline);
      if (coverage) end = std::max(end, coverage->range.next);
    }
    if (end >= 0) return end;
  }
  return none;
}

}  // namespace sluice::sluicectl
