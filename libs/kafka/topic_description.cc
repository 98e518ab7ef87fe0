#include "kafka/topic_description.h"

#include <algorithm>

#include "base/status.h"

namespace sluice::kafka::internal {

Owned<rd_kafka_AdminOptions_t> RequestOptions(rd_kafka_t* client, absl::Duration timeout) {
  Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_ANY));
  const int timeout_ms = std::max(1, ToTimeoutMs(timeout));
  char reason[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, reason, sizeof(reason));
  // Not every request has one: refused then, and not needed.
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout_ms, reason, sizeof(reason));
  return options;
}

void DescribeTopic(rd_kafka_t* client, const std::string& topic,
                   const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
  const char* name = topic.c_str();
  rd_kafka_TopicCollection_t* names = rd_kafka_TopicCollection_of_topic_names(&name, 1);
  rd_kafka_DescribeTopics(client, names, options, queue);
  rd_kafka_TopicCollection_destroy(names);
}

absl::StatusOr<TopicDescription> DescriptionOf(rd_kafka_event_t* event, const std::string& topic) {
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event))
    return Annotate(ToStatus(error), topic);
  size_t count = 0;
  const auto* const* topics =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
  if (count != 1) return absl::InternalError("kafka: one topic's description was expected");
  if (const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(topics[0])) {
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Annotate(ToStatus(code), topic);
  }
  TopicDescription description;
  description.name = topic;
  rd_kafka_TopicDescription_partitions(topics[0], &count);
  description.partitions = static_cast<int32_t>(count);
  const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(topics[0]);
  if (id != nullptr && (rd_kafka_Uuid_most_significant_bits(id) != 0 ||
                        rd_kafka_Uuid_least_significant_bits(id) != 0)) {
    description.id = rd_kafka_Uuid_base64str(id);
  }
  return description;
}

}  // namespace sluice::kafka::internal
