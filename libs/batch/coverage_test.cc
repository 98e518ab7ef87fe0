#include "batch/coverage.h"

#include <algorithm>
#include <vector>

#include "batch/log_for_test.h"
#include "gtest/gtest.h"

namespace sluice::batch {
namespace {

TEST(Accept, EverySmallRange) {
  for (Offset next = 0; next <= 6; ++next) {
    for (Offset first = 0; first <= 6; ++first) {
      for (Offset end = first; end <= 6; ++end) {
        // Said again with sets: which of [first, end) are new, and is anything missing before them?
        const bool missing = first > next;
        const bool brings_new = end > next;
        const Acceptance expected = missing                          ? Acceptance::kGap
                                    : brings_new                     ? Acceptance::kApply
                                    : (first == next && end == next) ? Acceptance::kPunctuation
                                                                     : Acceptance::kRepeat;
        EXPECT_EQ(Accept(next, {first, end}), expected)
            << next << " meets [" << first << "," << end << ")";
      }
    }
  }
}

TEST(Reader, MovesOnlyWhenItApplies) {
  Reader reader(5);
  EXPECT_EQ(reader.Offer({0, 5}), Acceptance::kRepeat);
  EXPECT_EQ(reader.Offer({5, 5}), Acceptance::kPunctuation);
  EXPECT_EQ(reader.Offer({4, 4}), Acceptance::kRepeat);
  EXPECT_EQ(reader.next(), 5);
  EXPECT_EQ(reader.Offer({3, 8}), Acceptance::kApply);
  EXPECT_EQ(reader.next(), 8);
  EXPECT_EQ(reader.gap(), std::nullopt);
}

TEST(Reader, AGapStaysOpenUntilEverythingBeforeItsFarSideIsThere) {
  Reader reader(5);
  EXPECT_EQ(reader.Offer({12, 14}), Acceptance::kGap);
  EXPECT_EQ(reader.gap(), (Range{5, 12}));
  EXPECT_EQ(reader.Offer({9, 12}), Acceptance::kGap);  // nearer
  EXPECT_EQ(reader.gap(), (Range{5, 9}));
  EXPECT_EQ(reader.Offer({20, 21}), Acceptance::kGap);  // farther: the nearest counts
  EXPECT_EQ(reader.gap(), (Range{5, 9}));
  EXPECT_EQ(reader.Offer({5, 7}), Acceptance::kApply);  // narrows it
  EXPECT_EQ(reader.gap(), (Range{7, 9}));
  EXPECT_EQ(reader.Offer({2, 6}), Acceptance::kRepeat);
  EXPECT_EQ(reader.gap(), (Range{7, 9}));
  EXPECT_EQ(reader.Offer({7, 9}), Acceptance::kApply);  // exactly
  EXPECT_EQ(reader.gap(), std::nullopt);
  EXPECT_EQ(reader.Offer({12, 14}), Acceptance::kGap);
  EXPECT_EQ(reader.Offer({6, 13}), Acceptance::kApply);
  EXPECT_EQ(reader.next(), 13);
  EXPECT_EQ(reader.gap(), std::nullopt);
  EXPECT_EQ(reader.Offer({14, 14}), Acceptance::kGap)
      << "punctuation beyond the end shows a gap too";
}

TEST(Emitter, OneUnacknowledgedBatch) {
  Emitter emitter(10);
  EXPECT_TRUE(emitter.MaySend({10, 12}));
  EXPECT_TRUE(emitter.MaySend({8, 12})) << "early is safe";
  EXPECT_TRUE(emitter.MaySend({10, 10})) << "punctuation";
  EXPECT_FALSE(emitter.MaySend({11, 12})) << "would leave a hole";
  EXPECT_FALSE(emitter.MaySend({10, 9}));
  emitter.Sent({10, 12});
  EXPECT_TRUE(emitter.in_flight());
  EXPECT_EQ(emitter.end(), 10);
  EXPECT_EQ(emitter.sent(), 12);
  EXPECT_FALSE(emitter.MaySend({12, 13})) << "the first is not acknowledged";
  EXPECT_FALSE(emitter.MaySend({10, 12}))
      << "nor may it be sent again: a new emitter reads the own end first";
  emitter.Acknowledged();
  EXPECT_EQ(emitter.end(), 12);
  EXPECT_TRUE(emitter.MaySend({12, 13}));
}

TEST(Emitter, RewindGoesBackOnly) {
  Emitter emitter(10);
  emitter.Rewind(15);
  EXPECT_EQ(emitter.end(), 10);
  emitter.Rewind(4);
  EXPECT_EQ(emitter.end(), 4);
  EXPECT_EQ(emitter.sent(), 4);
  EXPECT_FALSE(emitter.MaySend({5, 6}));
  EXPECT_TRUE(emitter.MaySend({4, 6}));
}

TEST(Counts, Add) {
  Counts a{};
  a[1] = 2;
  a[8] = 3;
  a += a;
  EXPECT_EQ(a[1], 4);
  EXPECT_EQ(Total(a), 10);
}
TEST(Log, EveryLogThatKeepsLaw2ReadsTheSameFromEverywhere) {
  constexpr Offset kRecords = 4;
  constexpr size_t kLongest = 6;
  std::vector<Logged> log;
  int64_t logs = 0;
  const auto extend = [&](auto& self, Offset accepted) -> void {
    ++logs;
    ASSERT_EQ(Wrong(log), "") << Print(log);
    if (log.size() == kLongest) return;
    for (Offset first = 0; first <= accepted; ++first) {
      for (Offset next = first; next <= kRecords; ++next) {
        if (first == next && first != accepted)
          continue;  // an older punctuation is skipped like any repeat
        log.push_back({{first, next}, static_cast<int>(log.size())});
        self(self, std::max(accepted, next));
        log.pop_back();
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  };
  extend(extend, 0);
  EXPECT_GT(logs, 100'000);
}
// The tests can fail: with one thing done wrong, they do.
TEST(Mistakes, WithoutTrimmingARecordIsAppliedTwice) {
  const std::vector<Logged> overlapping = {{{0, 2}, 0}, {{0, 2}, 0}, {{1, 4}, 1}};
  EXPECT_EQ(Wrong(overlapping), "");
  EXPECT_EQ(Wrong(overlapping, {.no_trim = true}), "a record is applied twice or not at all");
}

TEST(Mistakes, ALateHintHidesBehindAnOverlappingRepeat) {
  // A sink committed half of the first batch and then hints behind it: no gap, but another
  // emitter's verdict for record 1.
  const std::vector<Logged> repeated = {{{0, 2}, 0}, {{0, 2}, 1}};
  EXPECT_EQ(Wrong(repeated), "");
  EXPECT_NE(Wrong(repeated, {.late_hint = true}), "");
}

TEST(Mistakes, AForgottenBatchIsAGap) {
  EXPECT_EQ(Wrong({{{0, 1}, 0}, {{2, 3}, 0}}), "a gap at 1");
}

}  // namespace
}  // namespace sluice::batch
