#include "producer_simulator/pacer.h"

#include <gtest/gtest.h>

namespace sluice::producer_simulator {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

int TakeAll(Pacer& pacer, absl::Time now) {
  int taken = 0;
  while (pacer.Take(now).has_value()) ++taken;
  return taken;
}

TEST(PacerTest, WithoutARateEverythingIsDueAndNothingIsPlanned) {
  Pacer pacer;
  ASSERT_TRUE(pacer.Take(kStart).has_value());
  EXPECT_FALSE(pacer.Take(kStart)->planned.has_value());
  EXPECT_EQ(pacer.NextDue(), absl::InfinitePast());
}

TEST(PacerTest, KeepsTheRateAndThePlanWhenHeldUp) {
  Pacer pacer;
  pacer.SetRate(1000, kStart);
  EXPECT_EQ(TakeAll(pacer, kStart + absl::Milliseconds(9.5)), 10);
  EXPECT_EQ(pacer.NextDue(), kStart + absl::Milliseconds(10));
  // Held up for a second: all of it is caught up, with the times that were planned.
  const std::optional<Pacer::Slot> slot = pacer.Take(kStart + absl::Seconds(1));
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->planned, kStart + absl::Milliseconds(10));
  EXPECT_EQ(TakeAll(pacer, kStart + absl::Seconds(1)), 990);
}

TEST(PacerTest, ARestartForgetsWhatWasMissed) {
  Pacer pacer;
  pacer.SetRate(1000, kStart);
  pacer.Restart(kStart + absl::Seconds(5));
  EXPECT_EQ(TakeAll(pacer, kStart + absl::Seconds(5)), 1);
}

TEST(PacerTest, ABurstComesBesideTheRate) {
  Pacer pacer;
  pacer.SetRate(1000, kStart);
  pacer.AddBurst(500);
  EXPECT_EQ(pacer.NextDue(), absl::InfinitePast());
  EXPECT_EQ(TakeAll(pacer, kStart), 501);
  EXPECT_EQ(TakeAll(pacer, kStart + absl::Milliseconds(10)), 10);
}

}  // namespace
}  // namespace sluice::producer_simulator
