#pragma once
// How long to wait before trying again: capped exponential backoff with full jitter, so that many
// clients of a thing that was down do not come back in step.

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace sluice {

/// One retry loop's memory. One thread.
class Backoff {
 public:
  struct Options {
    absl::Duration initial = absl::Milliseconds(50);  ///< upper bound of the first wait
    absl::Duration max = absl::Seconds(10);           ///< upper bound of every wait
  };

  Backoff() : Backoff(Options{}) {}
  explicit Backoff(const Options& options) : Backoff(options, std::random_device{}()) {}
  /// The same seed gives the same waits.
  Backoff(const Options& options, uint32_t seed) : options_(options), random_(seed) {}

  /// The next wait: uniform in [1 ms, initial * 2^attempts], never above `max`.
  absl::Duration Next();
  /// After a success.
  void Reset() { attempts_ = 0; }
  /// Calls of Next since the last Reset.
  int attempts() const { return attempts_; }

 private:
  Options options_;
  std::mt19937 random_;
  int attempts_ = 0;
};

}  // namespace sluice
