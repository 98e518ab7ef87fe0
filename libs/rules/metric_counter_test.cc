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
  WindowMemory memory;
  counter.Count(0, 20, &window, &memory);
  EXPECT_EQ(window.read, 20);
  EXPECT_EQ(window.rows, 16);
  // No car at 4 and 14 (9 and 19 are corrupt); half the offset is the speed, 3, 7, 11, ... have
  // none.
  EXPECT_THAT(window.counted, ElementsAre(2, 16, 0));
  counter.Count(20, 50, &window, &memory);
  EXPECT_EQ(window.read, 50);
  EXPECT_EQ(window.rows, 40);
  EXPECT_THAT(window.counted, ElementsAre(5, 40, 18));
  counter.Count(50, 50, &window, &memory);
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
  WindowMemory memory;
  counter.Count(0, 10'000, &window, &memory);
  EXPECT_THAT(window.counted, ElementsAre(2'000, 10'000, 7'485));
}

/// Compares the cars, which are seven, and cars with whether they move.
std::shared_ptr<const contract::Contract> Comparing(
    const std::vector<std::vector<const char*>>& metrics) {
  auto contract = std::make_shared<contract::Contract>(*batch::ContractForTest());
  for (const auto& names : metrics) {
    contract::Metric& metric = contract->metrics.emplace_back();
    for (const char* name : names) metric.compared.push_back(contract->FindColumn(name));
  }
  return contract;
}

TEST(MetricCounter, CountsRowsWithValuesOfAnEarlierOne) {
  const auto contract = Comparing({{"car"}, {"car", "moving"}, {"trip"}, {"speed"}, {"moving"}});
  MetricCounter counter(contract);
  std::vector<RowForTest> rows;
  for (int64_t offset = 0; offset < 3000; ++offset)
    rows.push_back({offset, Verdict::kClean, {}, {}});
  const auto batch = batch::RowsForTest(*contract, rows).ValueOrDie();
  ASSERT_TRUE(counter.Bind(*batch).ok());
  batch::Window window;
  WindowMemory memory;
  counter.Count(0, 7, &window, &memory);
  // Offsets 4 and 5 lack a car or whether it moves.
  EXPECT_THAT(window.counted, ElementsAre(0, 0, 0, 0, 4));
  counter.Count(7, 3000, &window, &memory);
  EXPECT_THAT(window.counted, ElementsAre(3000 - 600 - 7, 3000 - 600 - 400 - 14, 0, 0, 2500 - 2));
  // Another window has seen nothing.
  batch::Window other;
  WindowMemory fresh;
  counter.Count(0, 7, &other, &fresh);
  EXPECT_THAT(other.counted, ElementsAre(0, 0, 0, 0, 4));
}

TEST(MetricCounter, RemembersAsManyValuesAsItMay) {
  const auto contract = Comparing({{"car"}, {"trip"}});
  MetricCounter counter(contract, 7);
  std::vector<RowForTest> rows;
  for (int64_t offset = 0; offset < 70; ++offset) rows.push_back({offset, Verdict::kClean, {}, {}});
  for (int64_t offset = 0; offset < 70; ++offset) rows.push_back({offset, Verdict::kClean, {}, {}});
  const auto batch = batch::RowsForTest(*contract, rows).ValueOrDie();
  ASSERT_TRUE(counter.Bind(*batch).ok());
  batch::Window window;
  WindowMemory memory;
  counter.Count(0, 8, &window, &memory);
  EXPECT_THAT(window.counted, ElementsAre(1, 0));
  EXPECT_FALSE(window.saturated) << "seven values are as many as it may";
  counter.Count(8, 140, &window, &memory);
  EXPECT_THAT(window.counted, ElementsAre(2 * 56 - 7, 7)) << "the first seven trips come again";
  EXPECT_TRUE(window.saturated);
}

TEST(MetricCounter, ZeroIsZeroWhateverItsSign) {
  const auto contract = Comparing({{"speed"}});
  MetricCounter counter(contract);
  const auto batch =
      batch::RowsForTest(*contract, {{0, Verdict::kClean, {}, {}}, {1, Verdict::kClean, {}, {}}})
          .ValueOrDie();
  arrow::ArrayVector columns = batch->columns();
  arrow::DoubleBuilder speeds;
  ASSERT_TRUE(speeds.AppendValues({0.0, -0.0}).ok());
  columns[static_cast<size_t>(batch::kSystemColumns + contract->FindColumn("speed"))] =
      speeds.Finish().ValueOrDie();
  const auto zeros = arrow::RecordBatch::Make(batch->schema(), 2, columns);
  ASSERT_TRUE(counter.Bind(*zeros).ok());
  batch::Window window;
  WindowMemory memory;
  counter.Count(0, 2, &window, &memory);
  EXPECT_THAT(window.counted, ElementsAre(1));
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
