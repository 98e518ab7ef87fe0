#include "ingest_validator/emit_timer.h"

#include <gtest/gtest.h>

namespace sluice::ingest_validator {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kAge = absl::Milliseconds(5);
constexpr absl::Duration kInterval = absl::Seconds(4);

class EmitTimerTest : public testing::Test {
 protected:
  static contract::PipelineConfig Pipeline() {
    contract::PipelineConfig pipeline;
    pipeline.batch_age = kAge;
    pipeline.punctuation_interval = kInterval;
    return pipeline;
  }

  EmitTimerTest() { timer_.Punctuated(kNow); }

  EmitTimer timer_{Pipeline()};
};

TEST_F(EmitTimerTest, RecordsAreDueAtAnAge) {
  EXPECT_FALSE(timer_.IsRunning());
  EXPECT_FALSE(timer_.RecordsAreDue(kNow + absl::Hours(1))) << "none waits";
  timer_.Start(kNow);
  EXPECT_TRUE(timer_.IsRunning());
  EXPECT_EQ(timer_.Deadline(), kNow + kAge);
  EXPECT_FALSE(timer_.RecordsAreDue(kNow));
  EXPECT_TRUE(timer_.RecordsAreDue(kNow + kAge));
  timer_.RecordsEmitted(kNow + kAge, false);
  EXPECT_FALSE(timer_.IsRunning());
}

TEST_F(EmitTimerTest, WhatIsLeftWaitsForAnAcknowledgementAlone) {
  timer_.Start(kNow);
  timer_.RecordsEmitted(kNow + kAge, true);
  EXPECT_TRUE(timer_.RecordsAreDue(kNow + kAge)) << "once it is acknowledged";
  EXPECT_EQ(timer_.Deadline(), kNow + kInterval / 4) << "nobody needs to be woken up before";
  timer_.RecordsEmitted(kNow + kAge, false);
  timer_.Start(kNow + kAge);
  EXPECT_EQ(timer_.Deadline(), kNow + 2 * kAge);
}

TEST_F(EmitTimerTest, SilentPartitionsAreLookedForNowAndThen) {
  EXPECT_FALSE(timer_.PunctuationIsDue(kNow));
  EXPECT_TRUE(timer_.PunctuationIsDue(kNow + kInterval / 4));
  EXPECT_FALSE(timer_.IsSilent(kNow, kNow + kInterval - kAge));
  EXPECT_TRUE(timer_.IsSilent(kNow, kNow + kInterval));
  timer_.PunctuateAtOnce();
  EXPECT_TRUE(timer_.PunctuationIsDue(kNow));
  EXPECT_EQ(timer_.Deadline(), absl::InfinitePast());
}

TEST(NewEmitTimerTest, LooksForSilentPartitionsAtOnce) {
  EXPECT_TRUE(EmitTimer(contract::PipelineConfig()).PunctuationIsDue(kNow));
}

}  // namespace
}  // namespace sluice::ingest_validator
