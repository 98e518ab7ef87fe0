#include "stage/topics.h"

#include <algorithm>

#include "base/status.h"

namespace sluice::stage {

int64_t LargestBatchBytes(const contract::PipelineConfig& pipeline) {
  // A batch closes once it has batch_bytes, so only its last record goes beyond: at most the
  // strings of the longest value, or what is kept of it raw, and the key. The rest is for the
  // schema and for columns of fixed width, at most kMaxColumns of them.
  constexpr int64_t kSchemaAndFixedColumns = 1 << 20;
  return pipeline.batch_bytes + pipeline.max_record_bytes + pipeline.max_raw_bytes +
         pipeline.max_key_bytes + kSchemaAndFixedColumns;
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
