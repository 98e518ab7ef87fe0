#include "base/backoff.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

const Backoff::Options kOptions{.initial = absl::Milliseconds(10), .max = absl::Milliseconds(500)};

TEST(BackoffTest, GrowsToItsBoundAndNeverBeyond) {
  Backoff backoff(kOptions, 1);
  absl::Duration longest = absl::ZeroDuration();
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const absl::Duration bound =
        attempt < 6 ? absl::Milliseconds(10) * (int64_t{1} << attempt) : absl::Milliseconds(500);
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, absl::Milliseconds(1));
    EXPECT_LE(wait, bound) << attempt;
    longest = std::max(longest, wait);
  }
  EXPECT_GT(longest, absl::Milliseconds(400));
}

TEST(BackoffTest, SpreadsOverTheWholeRange) {
  Backoff backoff(kOptions, 2);
  int lower_half = 0;
  for (int i = 0; i < 1000; ++i) lower_half += backoff.Next() < absl::Milliseconds(250);
  EXPECT_GT(lower_half, 400);
  EXPECT_LT(lower_half, 600);
}

TEST(BackoffTest, ResetBeginsAnew) {
  Backoff backoff(kOptions, 3);
  for (int i = 0; i < 20; ++i) backoff.Next();
  EXPECT_EQ(backoff.attempts(), 20);
  backoff.Reset();
  EXPECT_EQ(backoff.attempts(), 0);
  EXPECT_LE(backoff.Next(), absl::Milliseconds(10));
}

}  // namespace
}  // namespace sluice
