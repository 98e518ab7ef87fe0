#pragma once
// Whether a loop turns, its process runs, and Kafka answers.

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::stage {

/// Each method says which thread it is for. Times are the caller's, so that none is asked for
/// twice.
class Watchdog {
 public:
  /// Any thread, before the others: from now on the loop turns, and Kafka has not answered yet.
  void Start(absl::Time now);

  /// The loop: a turn begins.
  void Turned(absl::Time now) { turned_ms_ = absl::ToUnixMillis(now); }
  /// The loop: when Kafka last answered.
  void Answered(absl::Time at);
  /// The main thread, several times a second.
  void Beat(absl::Time now);

  /// The loop: whether the whole process stood still for so long that its partitions may be
  /// somebody else's, since it was last asked. A turn that was long is another thing: it only
  /// waited for an answer, and the clients' threads went on, as the beat did.
  bool StoodStill(absl::Time now);
  /// Any thread: whether the loop turns, though it may wait for bounded requests.
  bool IsAlive(absl::Time now) const;
  /// Any thread: kUnavailable when Kafka does not answer, or the loop waits for it or for
  /// PostgreSQL: then what the loop last said of itself may not hold.
  absl::Status Answering(absl::Time now) const;

 private:
  // Milliseconds since the epoch.
  std::atomic<int64_t> turned_ms_ = 0;
  std::atomic<int64_t> beat_ms_ = 0;
  std::atomic<int64_t> answered_ms_ = 0;  // as the loop has seen it
  std::atomic<bool> stood_still_ = false;
};

}  // namespace sluice::stage
