#include "ingest_validator/position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ingest_validator {
namespace {

using ::testing::HasSubstr;
using StartingOffsets = contract::PipelineConfig::StartingOffsets;

contract::PipelineConfig Pipeline() {
  contract::PipelineConfig pipeline;
  pipeline.name = "telemetry";
  pipeline.generation = 2;
  pipeline.source_topic = "source";
  return pipeline;
}

/// An own output whose last batch ends at `next` of the topic "one".
stage::BatchOutput::End EndAt(batch::Offset next) {
  batch::Coverage last;
  last.topic_id = "one";
  last.range = {next - 3, next};
  last.origin = 2;
  return {last, {0, 7}};
}

SourceLog Source(kafka::Offset begin, kafka::Offset end, std::string id = "one") {
  return {std::move(id), {begin, end}};
}

absl::StatusOr<Position> Find(const stage::BatchOutput::End& end, const SourceLog& source) {
  return FindPosition(Pipeline(), 3, end, source);
}

void ExpectRefused(const absl::Status& status, absl::StatusCode code, const char* why) {
  EXPECT_EQ(status.code(), code);
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(FindPositionTest, GoesOnAtTheEndOfTheOwnOutput) {
  for (const SourceLog& source : {Source(0, 90), Source(10, 90), Source(0, 10)}) {
    const absl::StatusOr<Position> position = Find(EndAt(10), source);
    ASSERT_TRUE(position.ok()) << position.status();
    EXPECT_EQ(position->next, 10);
    EXPECT_EQ(position->last.origin, 2);
  }
}

TEST(FindPositionTest, ABatchAfterALossIsNoLoss) {
  stage::BatchOutput::End end = EndAt(10);
  end.last->lost = true;
  EXPECT_FALSE(Find(end, Source(0, 90))->last.lost);
}

TEST(FindPositionTest, BeginsOnceAsThePipelineSays) {
  for (const StartingOffsets starting : {StartingOffsets::kEarliest, StartingOffsets::kLatest}) {
    contract::PipelineConfig pipeline = Pipeline();
    pipeline.starting_offsets = starting;
    const absl::StatusOr<Position> position = FindPosition(pipeline, 3, {}, Source(4, 90));
    ASSERT_TRUE(position.ok()) << position.status();
    EXPECT_EQ(position->next, starting == StartingOffsets::kEarliest ? 4 : 90);
    EXPECT_EQ(position->last.origin, position->next);
    EXPECT_EQ(position->last.pipeline, "telemetry");
    EXPECT_EQ(position->last.generation, 2);
    EXPECT_EQ(position->last.topic, "source");
    EXPECT_EQ(position->last.topic_id, "one");
    EXPECT_EQ(position->last.partition, 3);
  }
}

TEST(FindPositionTest, APositionThatHasExpiredIsNotBegunAgain) {
  ExpectRefused(Find({std::nullopt, {7, 7}}, Source(0, 90)).status(), absl::StatusCode::kDataLoss,
                "have expired");
}

TEST(FindPositionTest, AnotherLogStopsThePartition) {
  ExpectRefused(Find(EndAt(10), Source(0, 90, "two")).status(), absl::StatusCode::kDataLoss,
                "expected id one, found two");
  stage::BatchOutput::End unknown = EndAt(10);
  unknown.last->topic_id = "";
  EXPECT_TRUE(Find(unknown, Source(0, 90, "two")).ok()) << "the broker did not tell";
}

TEST(FindPositionTest, APositionOutsideOfTheLogStopsThePartition) {
  ExpectRefused(Find(EndAt(10), Source(0, 9)).status(), absl::StatusCode::kDataLoss,
                "end=9 position=10");
  ExpectRefused(Find(EndAt(10), Source(11, 90)).status(), absl::StatusCode::kDataLoss,
                "position=10 begin=11");
}

TEST(FindLossTest, IsWhatTheSourceNoLongerHas) {
  EXPECT_EQ(*FindLoss(EndAt(10), Source(14, 90), std::nullopt), (batch::Range{10, 14}));
}

TEST(FindLossTest, ReachesBackToARepairAskedForInVain) {
  EXPECT_EQ(*FindLoss(EndAt(10), Source(6, 90), 3), (batch::Range{3, 6}));
  EXPECT_EQ(*FindLoss(EndAt(10), Source(14, 90), 12), (batch::Range{10, 14}));
}

TEST(FindLossTest, NothingElseCanBeAccepted) {
  constexpr absl::StatusCode kCode = absl::StatusCode::kFailedPrecondition;
  ExpectRefused(FindLoss({}, Source(14, 90), std::nullopt).status(), kCode, "ever read");
  ExpectRefused(FindLoss(EndAt(10), Source(10, 90), std::nullopt).status(), kCode,
                "nothing is lost");
  ExpectRefused(FindLoss(EndAt(10), Source(14, 90, "two"), std::nullopt).status(), kCode,
                "recreated");
}

}  // namespace
}  // namespace sluice::ingest_validator
