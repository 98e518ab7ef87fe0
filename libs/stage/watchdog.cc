#include "stage/watchdog.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::stage {
namespace {

// A turn may wait for one bounded request to Kafka or PostgreSQL; longer than this and the loop
// hangs.
constexpr absl::Duration kTurnLimit = absl::Seconds(90);
// Longer than a turn takes while everything answers.
constexpr absl::Duration kSlowTurn = absl::Seconds(3);
// A process that stood still for longer may have lost its partitions without having been told
// (session timeout 10 s).
constexpr absl::Duration kStoodStill = absl::Seconds(9);
// Kafka is asked every second. So long without an answer, or without a turn of the loop that takes
// it, and Kafka is away.
constexpr absl::Duration kNoAnswer = absl::Milliseconds(3500);

}  // namespace

void Watchdog::Start(absl::Time now) {
  turned_ms_ = beat_ms_ = answered_ms_ = absl::ToUnixMillis(now);
}

void Watchdog::Answered(absl::Time at) {
  answered_ms_ = std::max<int64_t>(answered_ms_, absl::ToUnixMillis(at));
}

void Watchdog::Beat(absl::Time now) {
  if (now - absl::FromUnixMillis(beat_ms_.exchange(absl::ToUnixMillis(now))) > kStoodStill)
    stood_still_ = true;
}

bool Watchdog::StoodStill(absl::Time now) {
  return stood_still_.exchange(false) || now - absl::FromUnixMillis(beat_ms_) > kStoodStill;
}

bool Watchdog::IsAlive(absl::Time now) const {
  return now - absl::FromUnixMillis(turned_ms_) < kTurnLimit;
}

absl::Status Watchdog::Answering(absl::Time now) const {
  const absl::Duration turn = now - absl::FromUnixMillis(turned_ms_);
  if (turn > kSlowTurn) {
    return absl::UnavailableError(
        Concat("has been waiting for an answer for ", absl::ToInt64Seconds(turn), " s"));
  }
  const absl::Duration silence = now - absl::FromUnixMillis(answered_ms_);
  if (silence < kNoAnswer) return absl::OkStatus();
  return absl::UnavailableError(
      Concat("Kafka has not answered for ", absl::ToInt64Seconds(silence), " s"));
}

}  // namespace sluice::stage
