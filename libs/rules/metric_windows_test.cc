#include "rules/metric_windows.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "arrow/api.h"
#include "batch/batch_for_test.h"
#include "batch/wire.h"
#include "contract/expression_parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::rules {
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

/// And those whose car an earlier one of the window has, which is one of seven.
std::shared_ptr<const contract::Contract> ThreeMetrics() {
  auto contract = std::make_shared<contract::Contract>(*TwoMetrics());
  contract->metrics.emplace_back().compared = {contract->FindColumn("car")};
  return contract;
}

/// The car of a row of RowsForTest; -1: it has none.
int64_t CarOf(Offset offset) { return offset % 5 == 4 ? -1 : offset % 7; }

std::vector<RowForTest> Rows(Offset first, Offset next) {
  std::vector<RowForTest> rows;
  for (Offset offset = first; offset < next; ++offset)
    rows.push_back({offset, offset % 10 == 9 ? Verdict::kTombstone : Verdict::kClean, {}, {}});
  return rows;
}

MetricWindows OfRecords(int64_t size) { return {{size, {}}, absl::ZeroDuration(), ""}; }
MetricWindows OfTime(absl::Duration size, absl::Duration delay) { return {{0, size}, delay, "at"}; }

class MetricWindowsTest : public testing::Test {
 protected:
  /// One batch; the windows that it closes.
  std::vector<Window> Count(const MetricWindows& windows, const std::vector<RowForTest>& rows,
                            batch::Range range) {
    const auto batch = batch::RowsForTest(counter_.contract(), rows).ValueOrDie();
    return CountIn(windows, *batch, range, &counter_);
  }
  std::vector<Window> CountIn(const MetricWindows& windows, const arrow::RecordBatch& batch,
                              batch::Range range, MetricCounter* counter) {
    std::vector<Window> closed;
    EXPECT_TRUE(windows.Count(batch, range, range.first, counter, &open_, &closed).ok());
    return closed;
  }

  /// Another owner goes on, who has the header and reads what the open windows have seen again:
  /// `rows_from(offset)`, up to where the header ends.
  void TakeOver(const MetricWindows& windows, MetricCounter* counter,
                const std::function<std::shared_ptr<arrow::RecordBatch>(Offset)>& rows_from) {
    const batch::OpenWindow header = open_.counts;
    const std::optional<int64_t> read_from = open_.ReadFrom();
    open_ = OpenWindows::Of(header);
    if (!read_from) return;
    const std::optional<Offset> from = windows.CountAgainFrom(header);
    ASSERT_TRUE(from.has_value());
    ASSERT_LE(*read_from, *from) << "the input, here at the source's offsets, has it";
    OpenWindows counted;
    std::vector<Window> closed;
    ASSERT_TRUE(windows
                    .Count(*rows_from(*from), {*from, header.window.range.next}, *read_from,
                           counter, &counted, &closed)
                    .ok());
    auto remembered = MetricWindows::Remember(header, std::move(counted));
    ASSERT_TRUE(remembered.has_value());
    open_ = *std::move(remembered);
    EXPECT_EQ(open_.counts, header);
  }

  MetricCounter counter_{TwoMetrics()};
  OpenWindows open_;
};

TEST_F(MetricWindowsTest, AWindowEndsAtAMultiple) {
  const MetricWindows windows = OfRecords(100);
  EXPECT_THAT(Count(windows, Rows(0, 99), {0, 99}), IsEmpty());
  EXPECT_EQ(open_.counts.window, (Window{{0, 99}, 99, 90, {90, 10}}));
  EXPECT_EQ(open_.counts.size, 100);
  EXPECT_THAT(Count(windows, Rows(99, 100), {99, 100}),
              ElementsAre(Window{{0, 100}, 100, 90, {90, 10}}));
  EXPECT_EQ(open_.counts.window, (Window{{100, 100}, 0, 0, {0, 0}}));
  EXPECT_THAT(
      Count(windows, Rows(100, 350), {100, 350}),
      ElementsAre(Window{{100, 200}, 100, 90, {90, 10}}, Window{{200, 300}, 100, 90, {90, 10}}));
  EXPECT_EQ(open_.counts.window.range, (batch::Range{300, 350}));
}

TEST_F(MetricWindowsTest, OneThatBeginsLateSaysSo) {
  EXPECT_THAT(Count(OfRecords(100), Rows(40, 110), {40, 110}),
              ElementsAre(Window{{40, 100}, 60, 54, {54, 6}}));
  // So does what comes behind a repair, another window size and another contract.
  EXPECT_THAT(Count(OfRecords(100), Rows(50, 110), {50, 110}),
              ElementsAre(Window{{50, 100}, 50, 45, {45, 5}}));
  EXPECT_THAT(Count(OfRecords(60), Rows(110, 120), {110, 120}),
              ElementsAre(Window{{110, 120}, 10, 9, {9, 1}}));
  Count(OfRecords(60), Rows(120, 130), {120, 130});
  MetricCounter other(TwoMetrics('b'));
  const auto batch = batch::RowsForTest(other.contract(), Rows(130, 180)).ValueOrDie();
  EXPECT_THAT(CountIn(OfRecords(60), *batch, {130, 180}, &other),
              ElementsAre(Window{{130, 180}, 50, 45, {45, 5}}));
  EXPECT_EQ(open_.counts.contract_hash, std::string(64, 'b'));
}

TEST_F(MetricWindowsTest, HolesAndLossesCloseWhatHasRowsOnly) {
  const MetricWindows windows = OfRecords(100);
  std::vector<RowForTest> rows = {{5, Verdict::kClean, {}, {}}, {750, Verdict::kClean, {}, {}}};
  EXPECT_THAT(Count(windows, rows, {0, 760}), ElementsAre(Window{{0, 100}, 1, 1, {1, 0}}));
  EXPECT_EQ(open_.counts.window, (Window{{700, 760}, 1, 1, {1, 0}}));
  const Offset end = std::numeric_limits<Offset>::max();
  EXPECT_THAT(Count(windows, {}, {760, end}), ElementsAre(Window{{700, 800}, 1, 1, {1, 0}}));
  EXPECT_EQ(open_.counts.window.range.next, end);
  EXPECT_EQ(open_.counts.window.read, 0);
}

TEST_F(MetricWindowsTest, AContractWithoutMetricsHasNoWindow) {
  Count(OfRecords(100), Rows(0, 10), {0, 10});
  MetricCounter none(batch::ContractForTest());
  const auto batch = batch::RowsForTest(none.contract(), Rows(10, 300)).ValueOrDie();
  EXPECT_THAT(CountIn(OfRecords(100), *batch, {10, 300}, &none), IsEmpty());
  EXPECT_EQ(open_.counts, batch::OpenWindow{});
}

// Whoever counts, however the batches are cut: the same windows with the same counts, each once.
// Compared with counting record by record.
TEST_F(MetricWindowsTest, TheSameHoweverTheBatchesAreCut) {
  const uint64_t seed = batch::TestSeed();
  MetricCounter counter(ThreeMetrics());
  for (uint64_t round = 0; round < 200; ++round) {
    batch::Random random(seed + round);
    const int64_t size = 1 + random.Below(30);
    const MetricWindows windows = OfRecords(size);
    const Offset origin = random.Below(50);
    std::vector<RowForTest> rows;
    for (Offset offset = origin; rows.size() < 100;
         offset += 1 + random.Below(random.OneIn(9) ? 90 : 2))
      rows.push_back({offset, random.OneIn(4) ? Verdict::kTombstone : Verdict::kClean, {}, {}});

    std::map<Offset, Window> expected;  // by the end
    std::map<Offset, std::set<int64_t>> cars;
    for (const RowForTest& row : rows) {
      const Offset first = row.offset / size * size;
      Window& window = expected[first + size];
      window.range = {std::max(first, origin), first + size};
      window.counted.resize(3);
      ++window.read;
      if (row.verdict != Verdict::kClean) continue;
      ++window.rows;
      ++window.counted[0];
      window.counted[1] += row.offset % 5 == 4;
      const int64_t car = CarOf(row.offset);
      window.counted[2] += car >= 0 && !cars[first].insert(car).second;
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
      const auto batch = batch::RowsForTest(counter.contract(), {row, cut}).ValueOrDie();
      for (const Window& window : CountIn(windows, *batch, {first, next}, &counter)) {
        EXPECT_GT(window.range.next, first);
        EXPECT_LE(window.range.next, next);
        EXPECT_TRUE(closed.emplace(window.range.next, window).second) << "closed twice";
      }
      first = next;
      row = cut;
      if (!random.OneIn(4)) continue;
      TakeOver(windows, &counter, [&](Offset from) {
        const auto again = std::find_if(
            rows.begin(), row, [&](const RowForTest& before) { return before.offset >= from; });
        return batch::RowsForTest(counter.contract(), {again, row}).ValueOrDie();
      });
    }
    ASSERT_EQ(closed, expected) << "size " << size << " round " << round;
  }
}

TEST_F(MetricWindowsTest, ValuesThatCannotBeReadAgainAreNotRemembered) {
  MetricCounter counter(ThreeMetrics());
  const MetricWindows windows = OfRecords(100);
  const auto rows = [&](Offset first, Offset next) {
    return batch::RowsForTest(counter.contract(), Rows(first, next)).ValueOrDie();
  };
  EXPECT_EQ(open_.ReadFrom(), std::nullopt);
  CountIn(windows, *rows(0, 120), {0, 120}, &counter);
  CountIn(windows, *rows(120, 150), {120, 150}, &counter);
  EXPECT_EQ(open_.ReadFrom(), 0) << "where the message with offset 100 is";
  EXPECT_EQ(windows.CountAgainFrom(open_.counts), 100);
  EXPECT_EQ(OfRecords(60).CountAgainFrom(open_.counts), std::nullopt) << "another setting";
  const auto again = [&](Offset first, Offset next) {
    OpenWindows counted;
    std::vector<Window> closed;
    EXPECT_TRUE(
        windows.Count(*rows(first, next), {first, next}, 0, &counter, &counted, &closed).ok());
    return MetricWindows::Remember(open_.counts, std::move(counted)).has_value();
  };
  EXPECT_TRUE(again(100, 150));
  EXPECT_FALSE(again(101, 150)) << "one is missing";
  EXPECT_FALSE(again(100, 149)) << "ends too early";
  CountIn(windows, *rows(150, 200), {150, 200}, &counter);
  EXPECT_EQ(open_.ReadFrom(), std::nullopt) << "nothing is in the window yet";
}

constexpr int64_t kEpochUs = 1'700'000'040'000'000;  // the beginning of a minute

/// A record with a time of its own, in seconds since kEpochUs.
struct TimedRow {
  Offset offset = 0;
  std::optional<double> event;
  std::optional<double> received;
  Verdict verdict = Verdict::kClean;
};

int64_t Us(double seconds) { return kEpochUs + static_cast<int64_t>(seconds * 1'000'000); }

std::shared_ptr<arrow::RecordBatch> TimedRows(const contract::Contract& contract,
                                              const std::vector<TimedRow>& timed) {
  std::vector<RowForTest> rows;
  arrow::TimestampBuilder received(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                   arrow::default_memory_pool());
  arrow::TimestampBuilder event(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                arrow::default_memory_pool());
  for (const TimedRow& row : timed) {
    rows.push_back({row.offset, row.verdict, {}, {}});
    (void)(row.received ? received.Append(Us(*row.received) / 1000) : received.AppendNull());
    (void)(row.event ? event.Append(Us(*row.event)) : event.AppendNull());
  }
  const auto batch = batch::RowsForTest(contract, rows).ValueOrDie();
  arrow::ArrayVector columns = batch->columns();
  columns[batch::kTimestamp] = received.Finish().ValueOrDie();
  columns.back() = event.Finish().ValueOrDie();
  return arrow::RecordBatch::Make(batch->schema(), batch->num_rows(), columns);
}

class TimeWindowsTest : public MetricWindowsTest {
 protected:
  std::vector<Window> CountTimed(const MetricWindows& windows, const std::vector<TimedRow>& rows,
                                 batch::Range range) {
    return CountTimed(windows, rows, range, &counter_);
  }
  std::vector<Window> CountTimed(const MetricWindows& windows, const std::vector<TimedRow>& rows,
                                 batch::Range range, MetricCounter* counter) {
    return CountIn(windows, *TimedRows(counter->contract(), rows), range, counter);
  }
  /// As of a batch that has closed it.
  bool IsWhole(const Window& closed) const {
    batch::Coverage coverage;
    coverage.open_window = open_.counts;
    return coverage.IsWhole(closed);
  }
};

TEST_F(TimeWindowsTest, ARecordFarEnoughBeyondTheEndCloses) {
  const MetricWindows windows = OfTime(absl::Minutes(1), absl::Seconds(10));
  EXPECT_THAT(CountTimed(windows, {{0, 30, 200}, {1, 69.9, 200}, {2, 59, 200}}, {0, 3}), IsEmpty());
  EXPECT_THAT(open_.counts.time->windows, ElementsAre(Window{{0, 0}, 2, 2, {2, 0}, Us(0)},
                                                      Window{{1, 1}, 1, 1, {1, 0}, Us(60)}));
  EXPECT_THAT(CountTimed(windows, {{3, 70, 200}}, {3, 4}),
              ElementsAre(Window{{0, 4}, 2, 2, {2, 0}, Us(0)}));
  // What comes later is in no window, but is told of by the newest.
  EXPECT_THAT(CountTimed(windows, {{4, 59, 200}, {5, 60, 200}, {6, 130, 200}}, {4, 7}),
              ElementsAre(Window{{1, 7}, 3, 3, {3, 0}, Us(60), 1}));
  EXPECT_EQ(open_.counts.window, (Window{{0, 7}, 0, 0, {0, 0}}));
  EXPECT_THAT(open_.counts.time->windows, ElementsAre(Window{{6, 6}, 1, 1, {1, 0}, Us(120)}));
}

TEST_F(TimeWindowsTest, OneRecordClosesAnyNumberOfThem) {
  const MetricWindows windows = OfTime(absl::Seconds(1), absl::Seconds(3));
  EXPECT_THAT(
      CountTimed(windows, {{0, 1, 9}, {1, 0, 9}, {2, 2.5, 9}, {3, -0.5, 9}, {4, 90, 99}}, {0, 5}),
      ElementsAre(Window{{3, 5}, 1, 1, {1, 0}, Us(-1)}, Window{{1, 5}, 1, 1, {1, 0}, Us(0)},
                  Window{{0, 5}, 1, 1, {1, 0}, Us(1)}, Window{{2, 5}, 1, 1, {1, 0}, Us(2)}));
  // Windows in which nothing happened are none.
  EXPECT_EQ(open_.counts.time->windows.size(), 1u);
}

TEST_F(TimeWindowsTest, NoEventIsLaterThanItsRecord) {
  const MetricWindows windows = OfTime(absl::Minutes(1), absl::ZeroDuration());
  EXPECT_THAT(CountTimed(windows, {{0, 1e9, 10}, {1, 1e9, 70}}, {0, 2}),
              ElementsAre(Window{{0, 2}, 1, 1, {1, 0}, Us(0)}));
  EXPECT_EQ(open_.counts.time->newest_us, Us(70));
}

TEST_F(TimeWindowsTest, RecordsWithoutEventTimeAreInTheNewestWindow) {
  const MetricWindows windows = OfTime(absl::Minutes(1), absl::Minutes(1));
  // Before any is known, in the first.
  EXPECT_THAT(CountTimed(windows, {{0, {}, 10, Verdict::kTombstone}, {1, 10, {}}}, {0, 2}),
              IsEmpty());
  EXPECT_EQ(open_.counts.window, (Window{{0, 2}, 2, 1, {1, 0}}));
  EXPECT_THAT(
      CountTimed(windows, {{2, {}, 9}, {3, 65, 99}, {4, {}, 99}, {5, 0, 99}, {6, {}, 99}}, {2, 7}),
      IsEmpty());
  EXPECT_EQ(open_.counts.window, (Window{{0, 7}, 0, 0, {0, 0}}));
  EXPECT_THAT(open_.counts.time->windows, ElementsAre(Window{{5, 5}, 1, 1, {1, 0}, Us(0)},
                                                      Window{{0, 0}, 6, 5, {5, 1}, Us(60)}));
}

TEST_F(TimeWindowsTest, WithoutSuchAColumnItIsTheTimestamp) {
  const MetricWindows windows({0, absl::Minutes(1)}, absl::ZeroDuration(), "when");
  EXPECT_THAT(CountTimed(windows, {{0, 1, 10}, {1, 1, 70}}, {0, 2}),
              ElementsAre(Window{{0, 2}, 1, 1, {1, 0}, Us(0)}));
}

TEST_F(TimeWindowsTest, OneThatMayHaveBegunBeforeCountingIsInPart) {
  const MetricWindows windows = OfTime(absl::Minutes(1), absl::Seconds(30));
  const std::vector<TimedRow> rows = {{7, 70, 999}, {8, 125, 999}, {9, 185, 999}, {10, 400, 999}};
  auto closed = CountTimed(windows, rows, {7, 11});
  ASSERT_EQ(closed.size(), 3u);
  // The record before may have been at [120, 150), or the first one would have been late.
  EXPECT_FALSE(IsWhole(closed[0]));
  EXPECT_FALSE(IsWhole(closed[1]));
  EXPECT_TRUE(IsWhole(closed[2]));
  // Before offset 0 there is nothing.
  closed = CountTimed(windows, rows, {0, 11});
  ASSERT_EQ(closed.size(), 3u);
  EXPECT_TRUE(IsWhole(closed[0]));
  // With another delay, another column and another size counting begins anew.
  for (const MetricWindows& other :
       {OfTime(absl::Minutes(1), absl::Seconds(31)), OfTime(absl::Seconds(59), absl::Seconds(31)),
        MetricWindows({0, absl::Seconds(59)}, absl::Seconds(31), "day"), OfRecords(100)}) {
    CountTimed(other, {{20, 20, 999}}, {open_.counts.window.range.next, 21});
    EXPECT_EQ(open_.counts.window.range.first, 11);
    open_.counts.window.range.first = 0;
    CountTimed(other, {{20, 20, 999}}, {21, 22});
    EXPECT_EQ(open_.counts.window.range.first, 0) << "but goes on with the same";
    open_.counts.window.range.next = 11;
  }
}

// The header of a batch as the next owner finds it.
batch::OpenWindow OverTheWire(const batch::OpenWindow& open, const std::vector<Window>& closed,
                              batch::Range range) {
  batch::Coverage coverage;
  coverage.topic = "raw";
  coverage.range = range;
  coverage.open_window = open;
  coverage.closed_windows = closed;
  const auto decoded = batch::DecodeCoverage(batch::EncodeCoverage(coverage));
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  if (!decoded.ok()) return open;
  EXPECT_EQ(decoded->open_window, open);
  EXPECT_EQ(decoded->closed_windows, closed);
  return decoded->open_window;
}

// The windows of `rows` and where they close, looked up in the whole of them.
std::vector<Window> WindowsOf(const std::vector<TimedRow>& rows, int64_t size_us,
                              int64_t delay_us) {
  const auto floor = [&](int64_t us) { return us - us % size_us; };
  std::vector<std::optional<int64_t>> times, newest;
  for (const TimedRow& row : rows) {
    std::optional<int64_t> time;
    if (row.event && row.received) time = Us(std::min(*row.event, *row.received));
    times.push_back(time);
    newest.push_back(newest.empty() ? time : std::max(newest.back(), time));
  }
  const auto closes = [&](int64_t start) {
    return std::find_if(newest.begin(), newest.end(),
                        [&](const auto& us) { return us && *us - delay_us >= start + size_us; }) -
           newest.begin();
  };
  const auto first_time =
      std::find_if(times.begin(), times.end(), [](auto t) { return t.has_value(); });
  std::map<int64_t, Window> windows;
  std::map<int64_t, std::set<int64_t>> cars;
  for (size_t i = 0; i < rows.size() && first_time != times.end(); ++i) {
    const int64_t newest_start = floor(newest[i].value_or(first_time->value_or(0)));
    const int64_t start = times[i] ? floor(*times[i]) : newest_start;
    if (closes(start) < static_cast<ptrdiff_t>(i)) {
      ++windows[newest_start].late;
      continue;
    }
    Window& window = windows[start];
    if (window.read++ == 0) {
      window.range.first = rows[i].offset;
      window.counted.resize(3);
    }
    if (rows[i].verdict == Verdict::kTombstone) continue;
    ++window.rows;
    ++window.counted[0];
    window.counted[1] += rows[i].offset % 5 == 4;
    const int64_t car = CarOf(rows[i].offset);
    window.counted[2] += car >= 0 && !cars[start].insert(car).second;
  }
  std::vector<Window> closed;
  for (auto& [start, window] : windows) {
    const auto at = static_cast<size_t>(closes(start));
    if (at == rows.size()) continue;
    window.start_us = start;
    window.range.next = rows[at].offset + 1;
    closed.push_back(window);
  }
  return closed;
}

/// Records of all sorts, most of them at most `delay` half seconds late.
std::vector<TimedRow> RandomRows(batch::Random& random, int64_t delay) {
  std::vector<TimedRow> rows;
  double now = 0;
  for (Offset offset = 0; rows.size() < 120; offset += 1 + random.Below(random.OneIn(9) ? 9 : 2)) {
    now += static_cast<double>(random.Below(random.OneIn(20) ? 90 : 3)) / 2;
    TimedRow row{offset, now - static_cast<double>(random.Below(delay + 20)) / 2, now};
    if (random.OneIn(9)) row.event.reset();
    if (random.OneIn(9)) row.received.reset();
    if (random.OneIn(9)) row.event = now + 1000;
    if (random.OneIn(9)) row.verdict = Verdict::kTombstone;
    rows.push_back(row);
  }
  return rows;
}

TEST_F(TimeWindowsTest, TheSameHoweverTheBatchesAreCut) {
  const uint64_t seed = batch::TestSeed();
  MetricCounter counter(ThreeMetrics());
  int64_t all = 0, late = 0, together = 0, repeats = 0;
  for (uint64_t round = 0; round < 300; ++round) {
    batch::Random random(seed + round);
    const int64_t size = 1 + random.Below(20), delay = random.Below(60);
    const std::vector<TimedRow> rows = RandomRows(random, delay);
    std::vector<Window> expected = WindowsOf(rows, size * 1'000'000, delay * 1'000'000);
    ASSERT_FALSE(expected.empty());
    for (const Window& window : expected) {
      late += window.late;
      repeats += window.counted[2];
    }
    all += static_cast<int64_t>(expected.size());
    for (size_t i = 1; i < expected.size(); ++i)
      together += expected[i].range.next == expected[i - 1].range.next;

    open_ = {};
    std::vector<Window> closed;
    const MetricWindows windows = OfTime(absl::Seconds(size), absl::Seconds(delay));
    const Offset end = rows.back().offset + 1;
    Offset first = 0;
    for (auto row = rows.begin(); row != rows.end();) {
      const auto cut = row + 1 + random.Below(std::min<int64_t>(12, rows.end() - row));
      const Offset behind = (cut - 1)->offset + 1;
      const Offset next = cut == rows.end() ? end : behind + random.Below(cut->offset - behind + 1);
      const auto batch = CountTimed(windows, {row, cut}, {first, next}, &counter);
      open_.counts = OverTheWire(open_.counts, batch, {first, next});
      closed.insert(closed.end(), batch.begin(), batch.end());
      first = next;
      row = cut;
      if (!random.OneIn(4)) continue;
      TakeOver(windows, &counter, [&](Offset from) {
        const auto again = std::find_if(
            rows.begin(), row, [&](const TimedRow& before) { return before.offset >= from; });
        return TimedRows(counter.contract(), {again, row});
      });
    }
    ASSERT_EQ(closed, expected) << "size " << size << " delay " << delay << " round " << round;
    ASSERT_LE(static_cast<int64_t>(open_.counts.time->windows.size()), delay / size + 2);
  }
  EXPECT_GT(all, 1000);
  EXPECT_GT(late, 300);
  EXPECT_GT(together, 100) << "that end at one record";
  EXPECT_GT(repeats, 300);
}

/// A batch as it is in the log.
struct Message {
  batch::Coverage coverage;
  std::shared_ptr<arrow::RecordBatch> rows;
};

// The batches of an owner that finds `open` and takes over at the first of `rows`.
std::vector<Message> Emit(const MetricWindows& windows, const std::vector<TimedRow>& rows,
                          const batch::OpenWindow& header, batch::Random& random) {
  MetricCounter counter(TwoMetrics());
  OpenWindows open = OpenWindows::Of(header);
  std::vector<Message> messages;
  for (auto row = rows.begin(); row != rows.end();) {
    const auto cut = row + 1 + random.Below(std::min<int64_t>(12, rows.end() - row));
    Message& message = messages.emplace_back();
    message.coverage.topic = "raw";
    message.coverage.range = {open.counts.window.range.next, (cut - 1)->offset + 1};
    message.rows = TimedRows(counter.contract(), {row, cut});
    message.coverage.counts = batch::CountVerdicts(*message.rows);
    EXPECT_TRUE(windows
                    .Count(*message.rows, message.coverage.range, 0, &counter, &open,
                           &message.coverage.closed_windows)
                    .ok());
    message.coverage.open_window = open.counts;
    row = cut;
  }
  return messages;
}

// Law 3: whoever drops what was before its position has each window once.
TEST_F(TimeWindowsTest, AReaderOfBatchesThatOverlapHasEachWindowOnce) {
  const uint64_t seed = batch::TestSeed();
  int64_t trimmed = 0;
  for (uint64_t round = 0; round < 200; ++round) {
    batch::Random random(seed + round);
    const int64_t size = 1 + random.Below(20), delay = random.Below(60);
    const MetricWindows windows = OfTime(absl::Seconds(size), absl::Seconds(delay));
    const std::vector<TimedRow> rows = RandomRows(random, delay);
    // Another owner begins behind a batch that is not the last.
    std::vector<Message> log = Emit(windows, rows, {}, random);
    const auto dead = static_cast<size_t>(1 + random.Below(static_cast<int64_t>(log.size())));
    log.resize(dead);
    const batch::Coverage found = log[static_cast<size_t>(random.Below(log.size()))].coverage;
    const auto rest = std::find_if(rows.begin(), rows.end(), [&](const TimedRow& row) {
      return row.offset >= found.range.next;
    });
    for (Message& message : Emit(windows, {rest, rows.end()}, found.open_window, random))
      log.push_back(std::move(message));

    batch::Decoder decoder(TwoMetrics());
    batch::Reader reader(0);
    std::vector<Window> read;
    for (Message& message : log) {
      const Offset next = reader.next();
      if (reader.Offer(message.coverage.range) != batch::Acceptance::kApply) continue;
      if (message.coverage.range.first < next) {
        ++trimmed;
        ASSERT_TRUE(decoder.Trim(*message.rows, next, &message.coverage).ok());
      }
      const std::vector<Window>& closed = message.coverage.closed_windows;
      read.insert(read.end(), closed.begin(), closed.end());
    }
    std::vector<Window> expected = WindowsOf(rows, size * 1'000'000, delay * 1'000'000);
    for (Window& window : expected) window.counted.pop_back();  // the header alone has no cars
    ASSERT_EQ(read, expected) << "round " << round;
  }
  EXPECT_GT(trimmed, 50);
}

}  // namespace
}  // namespace sluice::rules
