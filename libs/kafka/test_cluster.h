#pragma once
// A Kafka cluster for one test: librdkafka's mock, one broker in this process. It has no
// transactions and no topic ids, and goes with the object.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kafka/types.h"

struct rd_kafka_s;
struct rd_kafka_mock_cluster_s;

namespace sluice::kafka {

class TestCluster {
 public:
  TestCluster();
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  /// How to reach it.
  const ClientConfig& config() const { return config_; }
  void CreateTopic(const std::string& topic, int32_t partitions);
  /// Append one record for each of `values`, and wait until they are stored.
  absl::Status Fill(const TopicPartition& partition, const std::vector<std::string>& values);
  /// For what this class does not offer.
  rd_kafka_mock_cluster_s* mock() { return cluster_; }

 private:
  rd_kafka_s* host_;
  rd_kafka_mock_cluster_s* cluster_;
  ClientConfig config_;
};

}  // namespace sluice::kafka
