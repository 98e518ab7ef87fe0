#include "producer_simulator/pacer.h"

namespace sluice::producer_simulator {

void Pacer::SetRate(double rate, absl::Time now) {
  rate_ = rate;
  Restart(now);
}

void Pacer::Restart(absl::Time now) {
  start_ = now;
  taken_ = 0;
}

absl::Time Pacer::PlannedTime() const {
  return start_ + absl::Seconds(static_cast<double>(taken_) / rate_);
}

absl::Time Pacer::NextDue() const {
  return rate_ <= 0 || burst_ > 0 ? absl::InfinitePast() : PlannedTime();
}

std::optional<Pacer::Slot> Pacer::Take(absl::Time now) {
  if (rate_ > 0) {
    if (const absl::Time planned = PlannedTime(); planned <= now) {
      ++taken_;
      return Slot{planned};
    }
  }
  if (burst_ > 0) {
    --burst_;
    return Slot{};
  }
  if (rate_ <= 0) return Slot{};
  return std::nullopt;
}

}  // namespace sluice::producer_simulator
