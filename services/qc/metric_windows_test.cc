#include "qc/metric_windows.h"

#include <algorithm>
#include <limits>
#include <map>

#include "arrow/api.h"
#include "batch/batch_for_test.h"
#include "contract/expression_parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::qc {
namespace {

using batch::Offset;
using batch::RowForTest;
using batch::Verdict;
using batch::Window;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Counts the rows, and those without a car: every fifth offset.
std::shared_ptr<const contract::Contract> TwoMetrics(char hash = 'a') {
  auto contract = std::make_shared<contract::Contract>(*batch::ContractForTest());
  contract->content_hash = std::string(64, hash);
  contract::ExpressionError error;
  contract->metrics.resize(2);
  contract->metrics[1].predicate =
      contract::ParseExpression("car is not null", contract->columns, &error);
  return contract;
}

std::vector<RowForTest> Rows(Offset first, Offset next) {
  std::vector<RowForTest> rows;
  for (Offset offset = first; offset < next; ++offset)
    rows.push_back({offset, offset % 10 == 9 ? Verdict::kTombstone : Verdict::kClean, {}, {}});
  return rows;
}

class MetricWindowsTest : public testing::Test {
 protected:
  /// One batch; the windows that it closes.
  std::vector<Window> Count(const MetricWindows& windows, const std::vector<RowForTest>& rows,
                            batch::Range range) {
    const auto batch = batch::RowsForTest(counter_.contract(), rows).ValueOrDie();
    return CountIn(windows, *batch, range, &counter_);
  }
  std::vector<Window> CountIn(const MetricWindows& windows, const arrow::RecordBatch& batch,
                              batch::Range range, rules::MetricCounter* counter) {
    std::vector<Window> closed;
    EXPECT_TRUE(windows.Count(batch, range, counter, &open_, &closed).ok());
    return closed;
  }

  rules::MetricCounter counter_{TwoMetrics()};
  batch::OpenWindow open_;
};

TEST_F(MetricWindowsTest, AWindowEndsAtAMultiple) {
  const MetricWindows windows(100);
  EXPECT_THAT(Count(windows, Rows(0, 99), {0, 99}), IsEmpty());
  EXPECT_EQ(open_.window, (Window{{0, 99}, 99, 90, {90, 10}}));
  EXPECT_EQ(open_.size, 100);
  EXPECT_THAT(Count(windows, Rows(99, 100), {99, 100}),
              ElementsAre(Window{{0, 100}, 100, 90, {90, 10}}));
  EXPECT_EQ(open_.window, (Window{{100, 100}, 0, 0, {0, 0}}));
  EXPECT_THAT(
      Count(windows, Rows(100, 350), {100, 350}),
      ElementsAre(Window{{100, 200}, 100, 90, {90, 10}}, Window{{200, 300}, 100, 90, {90, 10}}));
  EXPECT_EQ(open_.window.range, (batch::Range{300, 350}));
}

TEST_F(MetricWindowsTest, OneThatBeginsLateSaysSo) {
  EXPECT_THAT(Count(MetricWindows(100), Rows(40, 110), {40, 110}),
              ElementsAre(Window{{40, 100}, 60, 54, {54, 6}}));
  // So does what comes behind a repair, another window size and another contract.
  EXPECT_THAT(Count(MetricWindows(100), Rows(50, 110), {50, 110}),
              ElementsAre(Window{{50, 100}, 50, 45, {45, 5}}));
  EXPECT_THAT(Count(MetricWindows(60), Rows(110, 120), {110, 120}),
              ElementsAre(Window{{110, 120}, 10, 9, {9, 1}}));
  Count(MetricWindows(60), Rows(120, 130), {120, 130});
  rules::MetricCounter other(TwoMetrics('b'));
  const auto batch = batch::RowsForTest(other.contract(), Rows(130, 180)).ValueOrDie();
  EXPECT_THAT(CountIn(MetricWindows(60), *batch, {130, 180}, &other),
              ElementsAre(Window{{130, 180}, 50, 45, {45, 5}}));
  EXPECT_EQ(open_.contract_hash, std::string(64, 'b'));
}

TEST_F(MetricWindowsTest, HolesAndLossesCloseWhatHasRowsOnly) {
  const MetricWindows windows(100);
  std::vector<RowForTest> rows = {{5, Verdict::kClean, {}, {}}, {750, Verdict::kClean, {}, {}}};
  EXPECT_THAT(Count(windows, rows, {0, 760}), ElementsAre(Window{{0, 100}, 1, 1, {1, 0}}));
  EXPECT_EQ(open_.window, (Window{{700, 760}, 1, 1, {1, 0}}));
  const Offset end = std::numeric_limits<Offset>::max();
  EXPECT_THAT(Count(windows, {}, {760, end}), ElementsAre(Window{{700, 800}, 1, 1, {1, 0}}));
  EXPECT_EQ(open_.window.range.next, end);
  EXPECT_EQ(open_.window.read, 0);
}

TEST_F(MetricWindowsTest, AContractWithoutMetricsHasNoWindow) {
  Count(MetricWindows(100), Rows(0, 10), {0, 10});
  rules::MetricCounter none(batch::ContractForTest());
  const auto batch = batch::RowsForTest(none.contract(), Rows(10, 300)).ValueOrDie();
  EXPECT_THAT(CountIn(MetricWindows(100), *batch, {10, 300}, &none), IsEmpty());
  EXPECT_EQ(open_, batch::OpenWindow{});
}

// Whoever counts, however the batches are cut: the same windows with the same counts, each once.
// Compared with counting record by record.
TEST_F(MetricWindowsTest, TheSameHoweverTheBatchesAreCut) {
  const uint64_t seed = batch::TestSeed();
  for (uint64_t round = 0; round < 200; ++round) {
    batch::Random random(seed + round);
    const int64_t size = 1 + random.Below(30);
    const Offset origin = random.Below(50);
    std::vector<RowForTest> rows;
    for (Offset offset = origin; rows.size() < 100;
         offset += 1 + random.Below(random.OneIn(9) ? 90 : 2))
      rows.push_back({offset, random.OneIn(4) ? Verdict::kTombstone : Verdict::kClean, {}, {}});

    std::map<Offset, Window> expected;  // by the end
    for (const RowForTest& row : rows) {
      const Offset first = row.offset / size * size;
      Window& window = expected[first + size];
      window.range = {std::max(first, origin), first + size};
      window.counted.resize(2);
      ++window.read;
      if (row.verdict != Verdict::kClean) continue;
      ++window.rows;
      ++window.counted[0];
      window.counted[1] += row.offset % 5 == 4;
    }
    const Offset end = rows.back().offset + 1;
    std::erase_if(expected, [&](const auto& window) { return window.first > end; });  // open still

    open_ = {};
    std::map<Offset, Window> closed;
    Offset first = origin;
    for (auto row = rows.begin(); row != rows.end();) {
      const auto cut = row + 1 + random.Below(std::min<int64_t>(12, rows.end() - row));
      const Offset behind = (cut - 1)->offset + 1;
      const Offset next = cut == rows.end() ? end : behind + random.Below(cut->offset - behind + 1);
      for (const Window& window : Count(MetricWindows(size), {row, cut}, {first, next})) {
        EXPECT_GT(window.range.next, first);
        EXPECT_LE(window.range.next, next);
        EXPECT_TRUE(closed.emplace(window.range.next, window).second) << "closed twice";
      }
      first = next;
      row = cut;
    }
    ASSERT_EQ(closed, expected) << "size " << size << " round " << round;
  }
}

}  // namespace
}  // namespace sluice::qc
