#pragma once
// The topic that records go to, and what of them it already holds: read back before anything is
// sent again.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "kafka/admin.h"
#include "kafka/producer.h"
#include "kafka/waker.h"

namespace sluice::producer_simulator {

struct Location {
  int32_t partition = -1;
  int64_t offset = -1;
};
/// By record id.
using FoundRecords = absl::flat_hash_map<std::string, Location>;

struct ReadBackRequest {
  std::map<int32_t, int64_t> from;  ///< a partition that is not named is read from its beginning
  /// Whether a record id is one that is looked for.
  std::function<bool(const std::string&)> ours;
  /// Called now and then; false: give up (kCancelled).
  std::function<bool()> go_on;
};

/// What a delivery asks of its topic. Tests have one without a broker.
class Topic {
 public:
  virtual ~Topic() = default;
  /// A producer whose retries within itself store nothing twice.
  virtual absl::StatusOr<std::unique_ptr<kafka::Producer>> MakeProducer() = 0;
  /// The ends of all partitions.
  virtual absl::StatusOr<std::map<int32_t, int64_t>> Ends() = 0;
  /// Waits until the ends have stood still for a moment, so that what a killed process had under
  /// way is in, then reads to them.
  virtual absl::StatusOr<FoundRecords> ReadBack(const ReadBackRequest& request) = 0;
};

/// The topic in Kafka. Kept pointers: `admin` and `waker`.
std::unique_ptr<Topic> MakeTopic(const kafka::ClientConfig& config, const std::string& topic,
                                 int32_t partitions, kafka::Admin* admin, kafka::Waker* waker);

/// The ends of `partitions` partitions.
absl::StatusOr<std::map<int32_t, int64_t>> ReadEnds(kafka::Admin& admin, const std::string& topic,
                                                    int32_t partitions);

}  // namespace sluice::producer_simulator
