#include "kafka/test_cluster.h"

// clang-format off: the second needs the first.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include <cstdlib>
#include <memory>

#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/producer.h"

namespace sluice::kafka {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(30);  // of waiting for what is certain to come

}  // namespace

TestCluster::TestCluster() {
  char reason[256];
  host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof(reason));
  cluster_ = rd_kafka_mock_cluster_new(host_, 1);
  config_.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(cluster_);
}

TestCluster::~TestCluster() {
  rd_kafka_mock_cluster_destroy(cluster_);
  rd_kafka_destroy(host_);
}

void TestCluster::CreateTopic(const std::string& topic, int32_t partitions) {
  rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
}

absl::Status TestCluster::Fill(const TopicPartition& partition,
                               const std::vector<std::string>& values) {
  SLUICE_ASSIGN_OR_RETURN(const auto producer, Producer::Create(config_, {}, nullptr));
  for (const std::string& value : values) {
    OutgoingRecord record;
    record.partition = partition;
    const auto owner = std::make_shared<const std::string>(value);
    record.value = Payload{*owner, owner};
    SLUICE_RETURN_IF_ERROR(producer->Send(std::move(record), 0));
  }
  std::vector<Delivery> deliveries;
  const absl::Time deadline = absl::Now() + kLimit;
  while (producer->in_flight() > 0 && absl::Now() < deadline)
    producer->Poll(absl::Milliseconds(100), &deliveries);
  for (const Delivery& delivery : deliveries) SLUICE_RETURN_IF_ERROR(delivery.status);
  if (deliveries.size() < values.size()) return absl::DeadlineExceededError("not all were stored");
  return absl::OkStatus();
}

}  // namespace sluice::kafka
