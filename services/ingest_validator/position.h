#pragma once
// Where a partition goes on: at the end of its own output, as far as the source's log allows.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "batch/coverage.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "stage/batch_output.h"

namespace sluice::ingest_validator {

/// A partition of the source topic.
struct SourceLog {
  std::string topic_id;  ///< "" where the broker does not tell
  kafka::Watermarks limits;
};

struct Position {
  batch::Coverage last;    ///< header of the last batch; without one, what is known of the next
  batch::Offset next = 0;  ///< source offset to go on with
};

/// `end`, of the own output, must have been read before `source`. Without any batch the partition
/// begins as the pipeline says, once. kDataLoss, which stops it: the source is another log, ends
/// before the position or begins behind it, or the position is lost.
absl::StatusOr<Position> FindPosition(const contract::PipelineConfig& pipeline, int32_t partition,
                                      const stage::BatchOutput::End& end, const SourceLog& source);

/// The records that the source no longer has, from the position on; or from `refused`, if that lies
/// before it: an offset that a repair has asked for in vain. kFailedPrecondition: there is no loss
/// that an operator could accept.
absl::StatusOr<batch::Range> FindLoss(const stage::BatchOutput::End& end, const SourceLog& source,
                                      std::optional<batch::Offset> refused);

}  // namespace sluice::ingest_validator
