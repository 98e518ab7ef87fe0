#pragma once
// The internal topics of a pipeline: named, created and widened here only.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"

namespace sluice::stage {

inline constexpr char kValidatedStage[] = "validated";
inline constexpr char kCheckedStage[] = "checked";

/// How long one request to the cluster may take before the stage looks after something else.
inline constexpr absl::Duration kRequestTimeout = absl::Seconds(5);

/// Create `topic` with at least `partitions` partitions, or widen it. Deleted by time only, never
/// compacted, LogAppendTime, and with room for twice the largest batch.
absl::Status EnsureInternalTopic(kafka::Admin& admin, const contract::PipelineConfig& pipeline,
                                 const std::string& topic, int32_t partitions);

/// Upper bound of an encoded batch of `pipeline` in bytes.
int64_t LargestBatchBytes(const contract::PipelineConfig& pipeline);

}  // namespace sluice::stage
