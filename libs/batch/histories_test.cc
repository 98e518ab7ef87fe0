// Larger histories of an output log at random: takeovers, zombies, repeats, a truncated log,
// repair.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "batch/batch_for_test.h"
#include "batch/coverage.h"
#include "batch/log_for_test.h"
#include "batch/wire.h"
#include "gtest/gtest.h"

namespace sluice::batch {
namespace {

/// One random history of a stage's output log, with a reader that follows it while it grows.
class History {
 public:
  explicit History(uint64_t seed) : random_(seed), records_(1 + random_.Below(60)) {
    const bool may_truncate = random_.OneIn(2);
    TakeOver();
    while (!Done()) {
      switch (random_.Below(8)) {
        case 0:
          if (emitters_.size() < 4) TakeOver();
          break;
        case 1:
          Follow();
          break;
        case 2:
          if (may_truncate && !truncated_) Truncate();
          break;
        default:
          Step(emitters_[static_cast<size_t>(
              random_.Below(static_cast<int64_t>(emitters_.size())))]);
      }
    }
    Follow();
  }

  /// What the laws promise; "" when it is so. Repairs first, when the history left something open.
  std::string Judge() {
    if (!truncated_) {
      if (std::string wrong = Wrong(log_); !wrong.empty()) return wrong;
    }
    Reader reader(0);
    Read(log_, &reader, 0);
    found_gap_ = reader.gap().has_value();
    if (!truncated_ && reader.next() != records_) return "not everything is accepted";
    if (reader.next() != records_) Repair(reader);
    Follow();
    for (const Reader* one : {&reader, &follower_}) {
      if (one->gap()) return absl::StrCat("a gap at ", one->next());
      if (one->next() != records_) return absl::StrCat("only accepted up to ", one->next());
    }
    for (Offset at = 0; at < records_; ++at) {
      if (static_cast<size_t>(at) >= followed_.size() || followed_[static_cast<size_t>(at)] != at)
        return "followed badly";
    }
    return followed_.size() == static_cast<size_t>(records_) ? "" : "a record is applied twice";
  }

  bool found_gap() const { return found_gap_; }
  bool truncated() const { return truncated_; }
  const std::vector<Logged>& log() const { return log_; }

 private:
  struct Incarnation {
    Emitter emitter;
    std::optional<Range> request;
    bool stopped = false;
    int by = 0;
  };

  bool Done() const {
    return emitters_.back().emitter.end() == records_ && !emitters_.back().request;
  }

  void TakeOver() {
    Offset from = log_.empty() ? 0 : log_.back().range.next;
    if (from > 0 && random_.OneIn(3))
      from = random_.Below(from + 1);  // a stale look, or on purpose
    emitters_.push_back({Emitter(from), std::nullopt, false, static_cast<int>(emitters_.size())});
  }

  void Step(Incarnation& one) {
    const bool last = one.by + 1 == static_cast<int>(emitters_.size());
    if (!one.request) {
      const Range batch{one.emitter.end(),
                        std::min(records_, one.emitter.end() + random_.Below(9))};
      if (one.stopped || !one.emitter.MaySend(batch)) return;
      one.emitter.Sent(batch);
      one.request = batch;
    } else if (!last && random_.OneIn(6)) {
      one.request.reset();
      one.stopped = true;
    } else {
      log_.push_back({*one.request, one.by});
      if (random_.OneIn(5)) return;  // reply lost: stored again
      one.emitter.Acknowledged();
      one.request.reset();
    }
  }

  /// An acknowledged batch vanishes; the client tells its readers that the log is shorter than they
  /// know.
  void Truncate() {
    if (log_.empty()) return;
    log_.pop_back();
    truncated_ = true;
    position_ = 0;
  }

  /// The operator asks the newest emitter to go back to where the reader stands, or earlier.
  void Repair(Reader& reader) {
    Incarnation& one = emitters_.back();
    one.emitter.Rewind(random_.Below(reader.next() + 1));
    while (!Done()) Step(one);
    Read(log_, &reader, 0);
  }

  void Follow() {
    for (const Row& row : Read(log_, &follower_, position_)) followed_.push_back(row.offset);
    position_ = log_.size();
    if (follower_.gap()) position_ = 0;
  }

  Random random_;
  const Offset records_;
  std::vector<Incarnation> emitters_;
  std::vector<Logged> log_;
  Reader follower_{0};
  size_t position_ = 0;
  std::vector<Offset> followed_;
  bool truncated_ = false;
  bool found_gap_ = false;
};

TEST(Histories, EveryRecordOnceInOrder) {
  const uint64_t seed = TestSeed();
  int truncated = 0, gaps = 0, overlaps = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    History history(seed + i);
    const std::string wrong = history.Judge();
    ASSERT_EQ(wrong, "") << "seed " << seed + i << ": " << Print(history.log());
    truncated += history.truncated();
    gaps += history.found_gap();
    const std::vector<Logged>& log = history.log();
    for (size_t j = 1; j < log.size(); ++j) overlaps += log[j].range.first < log[j - 1].range.next;
  }
  // Otherwise the test would say little.
  EXPECT_GT(truncated, 10'000);
  EXPECT_GT(gaps, 1'000);
  EXPECT_GT(overlaps, 50'000);
}
// The same with rows: trimming a batch is trimming its coverage.
TEST(Histories, RowsTrimmedByTheDecoder) {
  const uint64_t seed = TestSeed();
  const auto contract = ContractForTest();
  Encoder encoder(contract);
  Decoder decoder(contract);
  int64_t trimmed = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    History history(seed + i);
    if (history.truncated()) continue;
    Random random(~(seed + i));
    // Source offsets may have holes, at batch boundaries too.
    std::vector<RowForTest> source;
    for (Offset at = 0; at < 61; ++at) {
      if (random.OneIn(4)) continue;
      source.push_back(
          {at, random.OneIn(5) ? Verdict::kCorrupt : Verdict::kValid, std::nullopt, std::nullopt});
      if (source.back().verdict == Verdict::kCorrupt) source.back().reason = Reason::kInvalidJson;
    }
    Reader reader(0);
    std::vector<RowForTest> landed;
    Counts counts{};
    for (const Logged& batch : history.log()) {
      std::vector<RowForTest> in_range;
      for (const RowForTest& row : source) {
        if (row.offset >= batch.range.first && row.offset < batch.range.next)
          in_range.push_back(row);
      }
      const auto rows = RowsForTest(*contract, in_range).ValueOrDie();
      Coverage coverage;
      coverage.topic = "raw";
      coverage.range = batch.range;
      coverage.counts = CountVerdicts(*rows);
      const auto bytes = encoder.Encode(*rows);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      const std::string_view view(reinterpret_cast<const char*>((*bytes)->data()),
                                  static_cast<size_t>((*bytes)->size()));
      auto decoded = decoder.Decode(view, *bytes, coverage);
      ASSERT_TRUE(decoded.ok()) << decoded.status();

      const Offset next = reader.next();
      if (reader.Offer(coverage.range) != Acceptance::kApply) continue;
      if (next > coverage.range.first) {
        decoded = decoder.Trim(**decoded, next, &coverage);
        ASSERT_TRUE(decoded.ok()) << decoded.status();
        EXPECT_EQ(coverage.range, (Range{next, batch.range.next}));
        ++trimmed;
      }
      counts += coverage.counts;
      const auto& offsets = static_cast<const arrow::Int64Array&>(*(*decoded)->column(kOffset));
      const auto& verdicts = static_cast<const arrow::UInt8Array&>(*(*decoded)->column(kVerdict));
      for (int64_t row = 0; row < (*decoded)->num_rows(); ++row) {
        landed.push_back({offsets.Value(row), static_cast<Verdict>(verdicts.Value(row)),
                          std::nullopt, std::nullopt});
      }
      for (const auto& column : (*decoded)->columns()) ASSERT_EQ(column->offset(), 0);
    }
    std::erase_if(source, [&](const RowForTest& row) { return row.offset >= reader.next(); });
    ASSERT_EQ(landed.size(), source.size()) << "seed " << seed + i;
    ASSERT_EQ(Total(counts), static_cast<int64_t>(source.size()));
    for (size_t row = 0; row < landed.size(); ++row) {
      ASSERT_EQ(landed[row].offset, source[row].offset);
      ASSERT_EQ(landed[row].verdict, source[row].verdict);
    }
  }
  EXPECT_GT(trimmed, 100);
}

}  // namespace
}  // namespace sluice::batch
