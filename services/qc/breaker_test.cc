#include "qc/breaker.h"

#include <algorithm>
#include <vector>

#include "arrow/api.h"
#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "batch/schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::qc {
namespace {

using batch::Reason;
using batch::RowForTest;
using batch::Verdict;
using contract::Action;
using Cause = batch::Breaker::Cause;

constexpr int kWarn = 0, kQuarantine = 1, kFail = 2;  // rules of the contract below

std::shared_ptr<const contract::Contract> ThreeRules() {
  auto contract = std::make_shared<contract::Contract>(*batch::ContractForTest(/*rules=*/3));
  contract->rules[kWarn].action = Action::kWarn;
  contract->rules[kQuarantine].action = Action::kQuarantine;
  contract->rules[kFail].action = Action::kFail;
  for (const int rule : {kWarn, kQuarantine, kFail})
    contract->rules[rule].id = Concat("rule_", rule);
  return contract;
}

class BreakerTest : public testing::Test {
 protected:
  RowForTest Clean(batch::Offset offset) { return {offset, Verdict::kClean, {}, {}}; }
  RowForTest Failed(batch::Offset offset, int rule = kQuarantine) {
    return {offset, Verdict::kFailed, {}, rule};
  }
  RowForTest Corrupt(batch::Offset offset) {
    return {offset, Verdict::kCorrupt, Reason::kInvalidJson, {}};
  }

  /// One batch that ends at `next`.
  bool Judge(const Breaker& breaker, const std::vector<RowForTest>& rows, batch::Offset next) {
    const auto batch = batch::RowsForTest(*contract_, rows).ValueOrDie();
    rules::Outcome outcome;
    outcome.width = batch::FailedRulesWidth(*contract_);
    for (const RowForTest& row : rows) {
      outcome.verdicts.push_back(row.verdict);
      outcome.failed_rules.resize(outcome.failed_rules.size() + outcome.width, 0);
      if (!row.failed_rule) continue;
      outcome.failed_rules.back() |= 1 << *row.failed_rule;
      if (*row.failed_rule == kFail && outcome.breaker_row < 0)
        outcome.breaker_row = static_cast<int64_t>(outcome.verdicts.size()) - 1;
    }
    return breaker.Judge(*contract_, *batch, outcome,
                         {rows.empty() ? next : rows.front().offset, next}, &state_);
  }

  const std::shared_ptr<const contract::Contract> contract_ = ThreeRules();
  batch::Breaker state_;
};

TEST_F(BreakerTest, WithoutARuleThatFailsNothingIsWritten) {
  const Breaker breaker(std::nullopt);
  EXPECT_FALSE(Judge(breaker, {Clean(0), Failed(1), Corrupt(2), Failed(3, kWarn)}, 5));
  EXPECT_EQ(state_, batch::Breaker{});
}

TEST_F(BreakerTest, TripsAtTheFirstRecordThatBreaksARuleWithActionFail) {
  const Breaker breaker(std::nullopt);
  EXPECT_TRUE(Judge(breaker, {Clean(10), Failed(11), Failed(13, kFail), Failed(14, kFail)}, 20));
  EXPECT_EQ(state_.open, Cause::kRule);
  EXPECT_EQ(state_.next, 13);
  EXPECT_EQ(state_.rule, contract_->rules[kFail].id);
  EXPECT_THAT(Describe(state_), testing::HasSubstr("open at offset 13"));
}

TEST_F(BreakerTest, AResetLetsPassWhatItSays) {
  const Breaker breaker(std::nullopt);
  const std::vector<RowForTest> rows = {Failed(13, kFail), Failed(14, kFail), Failed(16, kFail)};
  ASSERT_TRUE(Judge(breaker, rows, 20));
  EXPECT_EQ(Breaker::DefaultUntil(state_), 14);
  state_ = Breaker::Reset(state_, 14);
  ASSERT_TRUE(Judge(breaker, rows, 20));
  EXPECT_EQ(state_.next, 14);
  state_ = Breaker::Reset(state_, 16);
  ASSERT_TRUE(Judge(breaker, rows, 20));
  EXPECT_EQ(state_.next, 16);
  state_ = Breaker::Reset(state_, 100);
  EXPECT_FALSE(Judge(breaker, rows, 20));
}

TEST_F(BreakerTest, TripsAtTheFailureThatIsOneTooMany) {
  const Breaker breaker(contract::BreakerConfig{0.2, 10});  // two of ten may fail
  EXPECT_FALSE(Judge(breaker, {Failed(0), Clean(1), Corrupt(2), Clean(3)}, 4));
  EXPECT_EQ(state_, (batch::Breaker{4, 10, 2, Cause::kNone, ""}));
  EXPECT_TRUE(Judge(breaker, {Clean(5), Failed(7), Failed(8)}, 10));
  EXPECT_EQ(state_, (batch::Breaker{7, 10, 2, Cause::kFailureRate, contract_->rules[1].id}));
  EXPECT_EQ(Breaker::DefaultUntil(state_), 10);
  EXPECT_THAT(Describe(state_), testing::HasSubstr("3 have failed of offsets [0, 10)"));
}

TEST_F(BreakerTest, EachWindowIsCountedByItself) {
  const Breaker breaker(contract::BreakerConfig{0.2, 10});
  EXPECT_FALSE(Judge(breaker, {Failed(8), Failed(9)}, 10));
  EXPECT_EQ(state_.failures, 0) << "the next window begins";
  EXPECT_FALSE(Judge(breaker, {Failed(10), Failed(11), Failed(25), Failed(26), Failed(30)}, 31));
  EXPECT_EQ(state_, (batch::Breaker{31, 10, 1, Cause::kNone, ""}));
  EXPECT_FALSE(Judge(breaker, {}, 40)) << "a range of holes";
  EXPECT_FALSE(Judge(breaker, {Failed(41), Failed(42)}, 43));
  EXPECT_TRUE(Judge(breaker, {Corrupt(49)}, 60));
  EXPECT_EQ(state_.next, 49);
  EXPECT_EQ(state_.rule, "invalid_json");
}

TEST_F(BreakerTest, NoneMayFail) {
  const Breaker breaker(contract::BreakerConfig{0, 10});
  EXPECT_FALSE(Judge(
      breaker, {Clean(0), {1, Verdict::kFiltered, {}, {}}, {2, Verdict::kClean, {}, kWarn}}, 3));
  EXPECT_TRUE(Judge(breaker, {Corrupt(3)}, 4));
}

TEST_F(BreakerTest, AShareMeansWhatWasWritten) {
  const Breaker breaker(contract::BreakerConfig{0.29, 100});
  for (batch::Offset offset = 0; offset < 29; ++offset)
    ASSERT_FALSE(Judge(breaker, {Failed(offset)}, offset + 1)) << offset;
  EXPECT_TRUE(Judge(breaker, {Failed(29)}, 30));
}

TEST_F(BreakerTest, AResetOfARateLetsTheWindowPass) {
  const Breaker breaker(contract::BreakerConfig{0.1, 10});
  const std::vector<RowForTest> rows = {Failed(1), Failed(2), Failed(3), Failed(10), Failed(11)};
  ASSERT_TRUE(Judge(breaker, rows, 12));
  EXPECT_EQ(state_.next, 2);
  state_ = Breaker::Reset(state_, Breaker::DefaultUntil(state_));
  ASSERT_TRUE(Judge(breaker, rows, 12));
  EXPECT_EQ(state_.next, 11);
}

TEST_F(BreakerTest, RowsOfOneRecordCountOnce) {
  const Breaker breaker(contract::BreakerConfig{0.2, 10});
  EXPECT_FALSE(Judge(breaker, {Failed(1), Failed(1), Failed(1), Failed(2)}, 3));
  EXPECT_EQ(state_.failures, 2);
  EXPECT_TRUE(Judge(breaker, {Failed(4), Failed(4, kFail)}, 5));
  EXPECT_EQ(state_.open, Cause::kRule);
}

TEST_F(BreakerTest, WhatAnotherWindowCountedIsForgotten) {
  ASSERT_FALSE(Judge(Breaker(contract::BreakerConfig{0.2, 10}), {Failed(0), Failed(1)}, 2));
  const Breaker breaker(contract::BreakerConfig{0.1, 20});
  EXPECT_FALSE(Judge(breaker, {Failed(2), Failed(3)}, 4));
  EXPECT_EQ(state_, (batch::Breaker{4, 20, 2, Cause::kNone, ""}));
  EXPECT_FALSE(Judge(Breaker(std::nullopt), {Failed(4), Failed(5)}, 6));
  EXPECT_EQ(state_.failures, 0);
}

// Whoever judges, however the batches are cut, and wherever somebody takes over: it trips at the
// same records. Compared with counting record by record.
TEST_F(BreakerTest, TripsAtTheSameRecordsHoweverTheBatchesAreCut) {
  const uint64_t seed = batch::TestSeed();
  for (uint64_t round = 0; round < 300; ++round) {
    batch::Random random(seed + round);
    const int64_t window = 1 + random.Below(20);
    const double rate = static_cast<double>(random.Below(10)) / 10;
    const Breaker breaker(contract::BreakerConfig{rate, window});
    std::vector<RowForTest> rows;
    batch::Offset offset = random.Below(30);
    for (int i = 0; i < 60; ++i, offset += 1 + random.Below(3)) {
      rows.push_back(random.OneIn(3)    ? Failed(offset)
                     : random.OneIn(20) ? Failed(offset, kFail)
                     : random.OneIn(9)  ? Corrupt(offset)
                                        : Clean(offset));
    }
    const int64_t limit = (static_cast<int64_t>(rate * 10 + 0.5) * window) / 10;
    const auto expected = [&] {
      std::vector<batch::Offset> trips;
      batch::Offset pass = 0;
      int64_t index = -1, failures = 0;
      for (const RowForTest& row : rows) {
        if (row.offset / window != index) failures = 0, index = row.offset / window;
        const bool bad = row.verdict == Verdict::kFailed || row.verdict == Verdict::kCorrupt;
        if (!bad || row.offset < pass) continue;
        const bool rule = row.failed_rule == kFail;
        if (!rule && failures < limit) {
          ++failures;
          continue;
        }
        trips.push_back(row.offset);
        pass = rule ? row.offset + 1 : (index + 1) * window;
        failures = 0;
      }
      return trips;
    }();
    std::vector<batch::Offset> trips;
    state_ = {};
    for (size_t at = 0; at < rows.size();) {
      const size_t cut = std::min(rows.size(), at + 1 + static_cast<size_t>(random.Below(10)));
      const std::vector<RowForTest> part(rows.begin() + static_cast<ptrdiff_t>(at),
                                         rows.begin() + static_cast<ptrdiff_t>(cut));
      if (Judge(breaker, part, part.back().offset + 1)) {
        trips.push_back(state_.next);
        state_ = Breaker::Reset(state_, Breaker::DefaultUntil(state_));
        while (rows[at].offset < trips.back()) ++at;
      } else {
        at = cut;
      }
    }
    ASSERT_EQ(trips, expected) << "window " << window << " rate " << rate << " round " << round;
  }
}

}  // namespace
}  // namespace sluice::qc
