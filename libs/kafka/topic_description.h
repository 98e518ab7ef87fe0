#pragma once
// librdkafka's admin requests, and DescribeTopics for one topic. Not for use outside libs/kafka.

#include <string>

#include "absl/status/statusor.h"
#include "kafka/admin.h"
#include "kafka/client_internal.h"

namespace sluice::kafka::internal {

/// Of any admin request.
Owned<rd_kafka_AdminOptions_t> RequestOptions(rd_kafka_t* client, absl::Duration timeout);

/// Ask for `topic`; the result comes to `queue`.
void DescribeTopic(rd_kafka_t* client, const std::string& topic,
                   const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue);

/// What the result says. kNotFound: no such topic.
absl::StatusOr<TopicDescription> DescriptionOf(rd_kafka_event_t* event, const std::string& topic);

}  // namespace sluice::kafka::internal
