#include "stage/watchdog.h"

#include <gtest/gtest.h>

namespace sluice::stage {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

absl::Time After(double seconds) { return kStart + absl::Seconds(seconds); }

class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() { watchdog_.Start(kStart); }

  Watchdog watchdog_;
};

TEST_F(WatchdogTest, ALoopThatTurnsAndIsAnsweredIsWell) {
  watchdog_.Turned(After(5));
  watchdog_.Answered(After(4));
  watchdog_.Beat(After(5));
  EXPECT_TRUE(watchdog_.Answering(After(6)).ok());
  EXPECT_TRUE(watchdog_.IsAlive(After(6)));
  EXPECT_FALSE(watchdog_.StoodStill(After(6)));
}

TEST_F(WatchdogTest, KafkaHasAMomentForItsFirstAnswer) {
  watchdog_.Turned(After(4));
  EXPECT_TRUE(watchdog_.Answering(After(3)).ok());
  EXPECT_EQ(watchdog_.Answering(After(4)).message(), "Kafka has not answered for 4 s");
  watchdog_.Answered(absl::InfinitePast());
  EXPECT_EQ(watchdog_.Answering(After(4)).message(), "Kafka has not answered for 4 s");
}

TEST_F(WatchdogTest, ALongTurnWaitsForAnAnswer) {
  watchdog_.Answered(After(10));
  EXPECT_EQ(watchdog_.Answering(After(10)).message(), "has been waiting for an answer for 10 s");
  EXPECT_TRUE(watchdog_.IsAlive(After(10))) << "it may wait";
  EXPECT_TRUE(watchdog_.IsAlive(After(89)));
  EXPECT_FALSE(watchdog_.IsAlive(After(91)));
}

TEST_F(WatchdogTest, AProcessThatStoodStillIsToldOnce) {
  watchdog_.Beat(After(1));
  watchdog_.Beat(After(11));  // the main thread comes first
  EXPECT_TRUE(watchdog_.StoodStill(After(11)));
  EXPECT_FALSE(watchdog_.StoodStill(After(11)));
  EXPECT_TRUE(watchdog_.StoodStill(After(21))) << "the loop comes first";
}

TEST_F(WatchdogTest, ALongTurnIsNoStandstill) {
  for (int second = 1; second <= 60; ++second) watchdog_.Beat(After(second));
  EXPECT_FALSE(watchdog_.StoodStill(After(60)));
}

}  // namespace
}  // namespace sluice::stage
