#include "base/backoff.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr int kMaxDoublings = 30;

}  // namespace

absl::Duration Backoff::Next() {
  const absl::Duration bound =
      std::min(options_.max, options_.initial * (int64_t{1} << std::min(attempts_, kMaxDoublings)));
  ++attempts_;
  const int64_t shortest_us = 1000;
  const int64_t longest_us = std::max(shortest_us, absl::ToInt64Microseconds(bound));
  std::uniform_int_distribution<int64_t> wait(shortest_us, longest_us);
  return absl::Microseconds(wait(random_));
}

}  // namespace sluice
