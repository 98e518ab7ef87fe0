#pragma once
// When records are due: an open loop at a rate, bursts beside it. Pure.

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace sluice::producer_simulator {

/// One thread. The plan never waits for Kafka: who was held up catches up, and the planned times
/// tell by how much.
class Pacer {
 public:
  struct Slot {
    std::optional<absl::Time> planned;  ///< unset: as fast as possible, there was no plan
  };

  /// Records per second from `now` on; 0: no limit.
  void SetRate(double rate, absl::Time now);
  double rate() const { return rate_; }
  /// So many records more, at once.
  void AddBurst(int64_t records) { burst_ += records; }
  /// The plan goes on from `now`: nothing is to be caught up for the time before.
  void Restart(absl::Time now);

  /// Take the slot of one record, if one is due.
  std::optional<Slot> Take(absl::Time now);
  /// When the next one is due; InfinitePast when one is due now.
  absl::Time NextDue() const;

 private:
  absl::Time PlannedTime() const;

  double rate_ = 0;
  absl::Time start_ = absl::InfinitePast();
  int64_t taken_ = 0;  // since start_
  int64_t burst_ = 0;
};

}  // namespace sluice::producer_simulator
