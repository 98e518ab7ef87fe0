#pragma once
// Words shared by every Kafka client of this library. librdkafka does not appear outside
// libs/kafka.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::kafka {

/// A position in one partition's log: the offset of a record. Offsets may have holes.
using Offset = int64_t;

/// What a consumer group remembers of a partition: where to go on, and a line of text of its own.
struct OffsetAndMetadata {
  Offset offset = 0;
  std::string metadata;
  bool operator==(const OffsetAndMetadata&) const = default;
};

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
  /// `topic/partition`
  std::string ToString() const;
};

/// How to reach the cluster. `properties` are librdkafka's own names and win over what this library
/// sets.
struct ClientConfig {
  std::string bootstrap_servers;
  std::string client_id = "sluice";
  std::map<std::string, std::string> properties;
};

/// A record's header: names may repeat, values may be any bytes.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Bytes somebody else owns; `owner` keeps them alive until Kafka has them. Shared because the
/// sender may keep the same buffer for a later attempt.
struct Payload {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

}  // namespace sluice::kafka
