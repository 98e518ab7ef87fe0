#include "rules/metric_counter.h"

#include "arrow/api.h"
#include "batch/batch_for_test.h"
#include "contract/expression_parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::rules {
namespace {

using batch::Reason;
using batch::RowForTest;
using batch::Verdict;
using ::testing::ElementsAre;

/// The metrics: rows without a car, rows, rows with a speed of ten or more.
std::shared_ptr<const contract::Contract> ThreeMetrics() {
  auto contract = std::make_shared<contract::Contract>(*batch::ContractForTest());
  for (const char* predicate : {"car is not null", "", "speed < 10"}) {
    contract::Metric& metric = contract->metrics.emplace_back();
    contract::ExpressionError error;
    if (*predicate != '\0')
      metric.predicate = contract::ParseExpression(predicate, contract->columns, &error);
  }
  return contract;
}

TEST(MetricCounter, CountsRowsWithColumnsAndAddsUp) {
  const auto contract = ThreeMetrics();
  MetricCounter counter(contract);
  std::vector<RowForTest> rows;
  for (int64_t offset = 0; offset < 50; ++offset) {
    const bool corrupt = offset % 10 == 9;
    rows.push_back({offset,
                    corrupt            ? Verdict::kCorrupt
                    : offset % 10 == 8 ? Verdict::kTombstone
                    : offset % 10 == 7 ? Verdict::kFiltered
                    : offset % 10 == 6 ? Verdict::kFailed
                                       : Verdict::kClean,
                    corrupt ? std::optional(Reason::kInvalidJson) : std::nullopt,
                    {}});
  }
  const auto batch = batch::RowsForTest(*contract, rows).ValueOrDie();
  ASSERT_TRUE(counter.Bind(*batch).ok());
  batch::Window window;
  counter.Count(0, 20, &window);
  EXPECT_EQ(window.read, 20);
  EXPECT_EQ(window.rows, 16);
  // No car at 4 and 14 (9 and 19 are corrupt); half the offset is the speed, 3, 7, 11, ... have
  // none.
  EXPECT_THAT(window.counted, ElementsAre(2, 16, 0));
  counter.Count(20, 50, &window);
  EXPECT_EQ(window.read, 50);
  EXPECT_EQ(window.rows, 40);
  EXPECT_THAT(window.counted, ElementsAre(5, 40, 18));
  counter.Count(50, 50, &window);
  EXPECT_EQ(window.read, 50);
}

TEST(MetricCounter, ManyChunksAreOneCount) {
  const auto contract = ThreeMetrics();
  MetricCounter counter(contract);
  std::vector<RowForTest> rows;
  for (int64_t offset = 0; offset < 10'000; ++offset)
    rows.push_back({offset, Verdict::kClean, {}, {}});
  const auto batch = batch::RowsForTest(*contract, rows).ValueOrDie();
  ASSERT_TRUE(counter.Bind(*batch).ok());
  batch::Window window;
  counter.Count(0, 10'000, &window);
  EXPECT_THAT(window.counted, ElementsAre(2'000, 10'000, 7'485));
}

TEST(MetricCounter, RefusesRowsOfAnotherContract) {
  MetricCounter counter(ThreeMetrics());
  auto other = std::make_shared<contract::Contract>(*batch::ContractForTest());
  const auto batch = batch::RowsForTest(*other, {}).ValueOrDie();
  EXPECT_TRUE(counter.Bind(*batch).ok());
  EXPECT_FALSE(counter.Bind(*batch->RemoveColumn(2).ValueOrDie()).ok());
}

}  // namespace
}  // namespace sluice::rules
