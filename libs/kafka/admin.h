#pragma once
// Questions to the cluster, and its topics. Every call blocks up to its timeout; safe from any one
// thread at a time.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/consumer.h"
#include "kafka/types.h"

namespace sluice::kafka {

struct TopicDescription {
  std::string name;
  std::string id;  ///< the topic's UUID in base64: another id is another log. Empty: the broker
                   ///< does not tell
  int32_t partitions = 0;
};

struct Watermarks {
  Offset begin = 0;  ///< of the oldest record kept
  Offset end = 0;    ///< one past the newest committed record, or past control records behind it
};

class Admin {
 public:
  static absl::StatusOr<std::unique_ptr<Admin>> Create(const ClientConfig& config);
  virtual ~Admin() = default;

  /// kNotFound: no such topic. kUnavailable: the cluster does not answer.
  virtual absl::StatusOr<TopicDescription> Describe(const std::string& topic,
                                                    absl::Duration timeout) = 0;
  /// Names of all topics.
  virtual absl::StatusOr<std::vector<std::string>> ListTopics(absl::Duration timeout) = 0;
  /// OK as well when it exists already. `replication` -1: the broker's default.
  virtual absl::Status CreateTopic(const std::string& topic, int32_t partitions, int replication,
                                   const std::map<std::string, std::string>& config,
                                   absl::Duration timeout) = 0;
  /// Grow to at least `partitions`. OK when it has as many already.
  virtual absl::Status GrowTopic(const std::string& topic, int32_t partitions,
                                 absl::Duration timeout) = 0;
  virtual absl::Status DeleteTopic(const std::string& topic, absl::Duration timeout) = 0;
  /// Delete the records before `before` (retention by hand).
  virtual absl::Status DeleteRecords(const TopicPartition& partition, Offset before,
                                     absl::Duration timeout) = 0;
  virtual absl::StatusOr<Watermarks> QueryWatermarks(const TopicPartition& partition,
                                                     absl::Duration timeout) = 0;
  /// A topic's configuration value. kNotFound when there is none of that name.
  virtual absl::StatusOr<std::string> TopicConfig(const std::string& topic, const std::string& key,
                                                  absl::Duration timeout) = 0;
  /// nullopt: the group has no committed offset there.
  virtual absl::StatusOr<std::optional<OffsetAndMetadata>> CommittedOffset(
      const std::string& group, const TopicPartition& partition, absl::Duration timeout) = 0;
  /// The first messages at or after `from`, up to `max`, ending at the end of the log; empty when
  /// there is none. Read committed: messages only become visible when their transaction is.
  virtual absl::StatusOr<std::vector<Message>> Read(const TopicPartition& partition, Offset from,
                                                    size_t max, absl::Duration timeout) = 0;
};

}  // namespace sluice::kafka
