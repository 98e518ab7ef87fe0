#include "stage/owned_partition.h"

#include <gtest/gtest.h>

#include "stage/worker.h"

namespace sluice::stage {
namespace {

using service::PartitionState;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(OwnedPartitionTest, WaitsToBeOpenedFromTheBeginning) {
  OwnedPartition partition;
  EXPECT_TRUE(partition.WaitsToOpen());
  EXPECT_LE(partition.open_at(), kNow);
  partition.Opened(7, kNow);
  EXPECT_TRUE(partition.IsOpen());
  EXPECT_FALSE(partition.WaitsToOpen());
  EXPECT_EQ(partition.read_to(), 7);
  partition.Closed();
  EXPECT_TRUE(partition.WaitsToOpen());
}

TEST(OwnedPartitionTest, TheCodeOfAFaultSaysWhatComesNext) {
  const auto after = [](const absl::Status& fault) {
    OwnedPartition partition;
    partition.Opened(0, kNow);
    partition.Failed(fault, std::nullopt, kNow);
    return partition.state();
  };
  EXPECT_EQ(after(absl::UnavailableError("")), PartitionState::kBlocked);
  EXPECT_EQ(after(absl::DeadlineExceededError("")), PartitionState::kBlocked);
  EXPECT_EQ(after(absl::NotFoundError("")), PartitionState::kBlocked) << "it may be about to come";
  EXPECT_EQ(after(absl::AbortedError("")), PartitionState::kBlocked) << "it may come back";
  EXPECT_EQ(after(absl::DataLossError("")), PartitionState::kStopped);
  EXPECT_EQ(after(absl::FailedPreconditionError("")), PartitionState::kStopped);
  EXPECT_EQ(after(BreakerOpenError("")), PartitionState::kTripped);
}

TEST(OwnedPartitionTest, ABlockedOneIsOpenedAfterItsBackoff) {
  OwnedPartition partition;
  partition.Failed(absl::UnavailableError("away"), std::nullopt, kNow);
  EXPECT_TRUE(partition.WaitsToOpen());
  EXPECT_GT(partition.open_at(), kNow);
  EXPECT_LE(partition.open_at(), kNow + absl::Milliseconds(50));
  EXPECT_EQ(partition.error(), "away");
}

TEST(OwnedPartitionTest, OneThatSomebodyElseTookOverWaitsForTheGroup) {
  OwnedPartition partition;
  partition.Failed(absl::AbortedError("fenced"), std::nullopt, kNow);
  EXPECT_EQ(partition.open_at(), kNow + absl::Seconds(5));
}

TEST(OwnedPartitionTest, TheFirstFaultInARowAndEveryStopAreWorthALine) {
  OwnedPartition partition;
  EXPECT_TRUE(partition.Failed(absl::UnavailableError("away"), std::nullopt, kNow));
  EXPECT_FALSE(partition.Failed(absl::UnavailableError("away"), std::nullopt, kNow));
  EXPECT_TRUE(partition.Failed(absl::DataLossError("gone"), std::nullopt, kNow));
  EXPECT_TRUE(partition.Failed(absl::DataLossError("gone"), std::nullopt, kNow));
  partition.Recovered();
  EXPECT_TRUE(partition.Failed(absl::UnavailableError("away"), std::nullopt, kNow));
}

TEST(OwnedPartitionTest, OnlyAnOperatorOpensAStoppedOrPausedOne) {
  OwnedPartition partition;
  partition.Failed(absl::DataLossError("gone"), std::nullopt, kNow);
  EXPECT_FALSE(partition.WaitsToOpen());
  partition.OpenAtOnce();
  EXPECT_TRUE(partition.WaitsToOpen());
  EXPECT_EQ(partition.open_at(), absl::InfinitePast());
  EXPECT_EQ(partition.error(), "gone") << "until it has recovered";
  partition.Paused();
  EXPECT_FALSE(partition.WaitsToOpen());
}

TEST(OwnedPartitionTest, GoesBackAtTheNextOpeningOnly) {
  OwnedPartition partition;
  partition.RewindTo(3);
  partition.Failed(absl::UnavailableError("away"), std::nullopt, kNow);
  EXPECT_EQ(partition.rewind_to(), 3) << "it has not been opened yet";
  partition.Opened(3, kNow);
  EXPECT_EQ(partition.rewind_to(), std::nullopt);
}

/// One that failed when it had read up to 10 and was done with what lies before 4.
OwnedPartition FailedAt10() {
  OwnedPartition partition;
  partition.Opened(0, kNow);
  partition.Read(9);
  partition.Failed(absl::UnavailableError("away"), 4, kNow);
  partition.Opened(4, kNow);
  return partition;
}

TEST(OwnedPartitionTest, OpenIsNotRecovered) {
  const OwnedPartition partition = FailedAt10();
  EXPECT_TRUE(partition.IsFailing());
  EXPECT_FALSE(partition.HasRecovered(4, -1, true));
  EXPECT_FALSE(partition.HasRecovered(std::nullopt, 10, true));
}

TEST(OwnedPartitionTest, MoreDoneThanBeforeIsRecovered) {
  OwnedPartition partition = FailedAt10();
  EXPECT_TRUE(partition.HasRecovered(5, -1, false));
  partition.Recovered();
  EXPECT_FALSE(partition.IsFailing());
  EXPECT_TRUE(partition.IsOpen());
}

TEST(OwnedPartitionTest, NothingLeftToDoIsRecovered) {
  OwnedPartition partition = FailedAt10();
  partition.Read(9);
  EXPECT_FALSE(partition.HasRecovered(4, 12, false)) << "the worker is not done";
  EXPECT_TRUE(partition.HasRecovered(4, 12, true));
  EXPECT_TRUE(FailedAt10().HasRecovered(4, 4, true)) << "the log was cut";
}

TEST(PartitionTallyTest, SaysWhyNotAllAreOpen) {
  PartitionTally tally;
  EXPECT_TRUE(tally.Ready().ok()) << "it owns none";
  EXPECT_FALSE(tally.AllPaused());
  OwnedPartition open;
  open.Opened(0, kNow);
  tally.Add(open);
  EXPECT_TRUE(tally.Ready().ok());
  OwnedPartition tripped;
  tripped.Failed(BreakerOpenError("a record"), std::nullopt, kNow);
  tally.Add(tripped);
  EXPECT_TRUE(tally.Ready().ok()) << "it does what it is there for";
  tally.Add(FailedAt10());
  EXPECT_EQ(tally.Ready(), absl::UnavailableError("1 partitions are not open: away"));
  tally.Add(OwnedPartition());
  EXPECT_EQ(tally.Ready(), absl::UnavailableError("2 partitions are not open: away"));
  OwnedPartition stopped;
  stopped.Failed(absl::DataLossError("gone"), std::nullopt, kNow);
  tally.Add(stopped);
  EXPECT_EQ(tally.Ready(), absl::FailedPreconditionError("1 partitions are stopped: away"));
}

TEST(PartitionTallyTest, KnowsWhetherAllArePaused) {
  PartitionTally tally;
  OwnedPartition paused;
  paused.Paused();
  tally.Add(paused);
  EXPECT_TRUE(tally.AllPaused());
  EXPECT_TRUE(tally.Ready().ok()) << "an operator wants it so";
  tally.Add(OwnedPartition());
  EXPECT_FALSE(tally.AllPaused());
}

}  // namespace
}  // namespace sluice::stage
