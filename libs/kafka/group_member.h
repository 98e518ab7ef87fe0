#pragma once
// Membership in a consumer group: which partitions are this process's. It never fetches a record;
// a Consumer does that. Double ownership for a while is harmless (coverage and the sinks fence).
// One thread calls it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/types.h"
#include "kafka/waker.h"

namespace sluice::kafka {

class GroupMember {
 public:
  static absl::StatusOr<std::unique_ptr<GroupMember>> Join(const ClientConfig& config,
                                                           const std::string& group,
                                                           const std::string& topic,
                                                           const std::string& instance_id,
                                                           Waker* waker);
  virtual ~GroupMember() = default;

  /// The partitions of `topic` that are now this member's, when that changed since the last call.
  /// During a rebalance the old ones stay until the new ones are known; who is thrown out of the
  /// group has none. Must be called often (max.poll.interval.ms); never blocks.
  virtual std::optional<std::vector<int32_t>> Poll() = 0;
  /// Commit positions for lag exporters and as a hint. Best effort, asynchronous; errors are logged
  /// only.
  virtual void Commit(const std::map<int32_t, OffsetAndMetadata>& next) = 0;
  /// Leave the group so that the others take over at once. Waits at most `timeout`, or about five
  /// seconds when a shorter one is given and the coordinator does not answer. Poll then says that
  /// there are no partitions left.
  virtual void Leave(absl::Duration timeout) = 0;
};

}  // namespace sluice::kafka
