#include "stage/topics.h"

#include <algorithm>

#include "base/status.h"

namespace sluice::stage {

int64_t LargestBatchBytes(const contract::PipelineConfig& pipeline) {
  // A batch closes once batch_bytes of input are in it, so it holds less than one record and key
  // more. Columns take at most a few times the bytes of the JSON they come from (a one-digit number
  // becomes eight bytes).
  constexpr int64_t kGrowth = 3;
  constexpr int64_t kSystemBytesPerRow = 64;
  const int64_t input = pipeline.batch_bytes + pipeline.max_record_bytes + pipeline.max_key_bytes;
  return kGrowth * input + pipeline.batch_rows * kSystemBytesPerRow + (64 << 10);
}

absl::Status EnsureInternalTopic(kafka::Admin& admin, const contract::PipelineConfig& pipeline,
                                 const std::string& topic, int32_t partitions) {
  const int64_t max_message_bytes = std::min<int64_t>(2 * LargestBatchBytes(pipeline), 1 << 30);
  SLUICE_RETURN_IF_ERROR(admin.CreateTopic(
      topic, partitions, pipeline.replication_factor,
      {{"cleanup.policy", "delete"},
       {"message.timestamp.type", "LogAppendTime"},
       {"retention.ms", Concat(absl::ToInt64Milliseconds(pipeline.internal_retention))},
       {"retention.bytes", "-1"},
       {"max.message.bytes", Concat(max_message_bytes)}},
      kRequestTimeout));
  const absl::Status grown = admin.GrowTopic(topic, partitions, kRequestTimeout);
  // A topic made a moment ago is not known to every broker yet.
  return absl::IsNotFound(grown) ? absl::UnavailableError(grown.message()) : grown;
}

}  // namespace sluice::stage
