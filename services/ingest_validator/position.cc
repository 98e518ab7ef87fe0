#include "ingest_validator/position.h"

#include <algorithm>

#include "base/fault_point.h"
#include "base/status.h"
#include "stage/topics.h"

namespace sluice::ingest_validator {
namespace {

bool IsOtherLog(const batch::Coverage& last, const SourceLog& source) {
  return !last.topic_id.empty() && last.topic_id != source.topic_id;
}

absl::StatusOr<Position> Begin(const contract::PipelineConfig& pipeline, int32_t partition,
                               const stage::BatchOutput::End& end, const SourceLog& source) {
  if (end.log.end > 0) {
    return absl::DataLossError(
        Concat("all batches of this partition have expired, and the consumer group does not "
               "remember the position: it is lost. Start a new generation (group ",
               pipeline.ConsumerGroup(stage::kValidatedStage), ")"));
  }
  Position position;
  position.last.pipeline = pipeline.name;
  position.last.generation = pipeline.generation;
  position.last.topic = pipeline.source_topic;
  position.last.topic_id = source.topic_id;
  position.last.partition = partition;
  const bool earliest =
      pipeline.starting_offsets == contract::PipelineConfig::StartingOffsets::kEarliest;
  position.last.origin = position.next = earliest ? source.limits.begin : source.limits.end;
  return position;
}

}  // namespace

absl::StatusOr<Position> FindPosition(const contract::PipelineConfig& pipeline, int32_t partition,
                                      const stage::BatchOutput::End& end, const SourceLog& source) {
  if (!end.last) return Begin(pipeline, partition, end, source);
  Position position{*end.last, end.last->range.next};
  position.last.lost = false;
  if (IsOtherLog(position.last, source) && !SLUICE_MISTAKE("topic_id_ignored")) {
    return absl::DataLossError(
        Concat("the source topic was recreated: it is another log, and its offsets mean other "
               "records. Start a new generation (",
               "generation: in the pipeline file): expected id ", position.last.topic_id,
               ", found ", source.topic_id));
  }
  if (source.limits.end < position.next) {
    return absl::DataLossError(
        Concat("the source ends before the position: it lost records or is another log: end=",
               source.limits.end, " position=", position.next));
  }
  if (source.limits.begin > position.next) {
    return absl::DataLossError(
        Concat("retention has overtaken the position; `sluicectl accept-loss` writes the missing "
               "records off: position=",
               position.next, " begin=", source.limits.begin));
  }
  return position;
}

absl::StatusOr<batch::Range> FindLoss(const stage::BatchOutput::End& end, const SourceLog& source,
                                      std::optional<batch::Offset> refused) {
  if (!end.last) {
    return absl::FailedPreconditionError(
        "nothing of this partition was ever read: there is no position to go on from");
  }
  if (IsOtherLog(*end.last, source)) {
    return absl::FailedPreconditionError(
        "the source topic was recreated: its offsets mean other records, so the loss cannot be "
        "written into this generation; start a new one");
  }
  const batch::Offset next = end.last->range.next;
  const batch::Range lost{refused ? std::min(next, *refused) : next, source.limits.begin};
  if (lost.empty()) {
    return absl::FailedPreconditionError(
        "nothing is lost: the source still has every record from the position on");
  }
  return lost;
}

}  // namespace sluice::ingest_validator
