#include "ingest_validator/open_batch.h"

#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "batch/schema.h"

namespace sluice::ingest_validator {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr int64_t kHour = 3'600'000'000;

std::shared_ptr<const contract::Contract> ContractOf(const char* version) {
  auto contract = std::make_shared<contract::Contract>();
  contract->version = version;
  contract->content_hash = std::string("hash of ") + version;
  contract::Column at;
  at.name = "at";
  at.type = contract::LogicalType::kTimestamp;
  contract->columns.push_back(at);
  return contract;
}

class OpenBatchTest : public testing::Test {
 protected:
  OpenBatchTest() {
    pipeline_.event_time_column = "at";
    pipeline_.watermark_delay = absl::Seconds(1);
    pipeline_.idle_timeout = absl::Minutes(1);
    last_.range = {90, 100};
    last_.origin = 7;
  }

  Judge* JudgeOf(const char* version) {
    judges_.push_back(std::make_unique<Judge>(ContractOf(version), record::Limits(),
                                              pipeline_.event_time_column));
    return judges_.back().get();
  }

  OpenBatch BatchFrom(batch::Offset next) {
    return OpenBatch(JudgeOf("1.0.0"), pipeline_, last_, next, kNow);
  }

  static std::optional<batch::Reason> Add(OpenBatch& batch, batch::Offset offset,
                                          int64_t timestamp_ms = 1,
                                          std::string_view value = R"({})") {
    return batch.Add("key", value, timestamp_ms, offset);
  }

  contract::PipelineConfig pipeline_;
  batch::Coverage last_;
  std::vector<std::unique_ptr<Judge>> judges_;
};

TEST_F(OpenBatchTest, BatchesTileTheSource) {
  OpenBatch batch = BatchFrom(100);
  EXPECT_EQ(Add(batch, 100), std::nullopt);
  EXPECT_EQ(Add(batch, 103), std::nullopt) << "offsets may have holes";
  EXPECT_EQ(batch.header().range.next, 100) << "nothing is closed yet";
  const ClosedBatch first = batch.Close(kNow);
  EXPECT_EQ(first.coverage.range, (batch::Range{100, 104}));
  EXPECT_EQ(first.coverage.origin, 7);
  EXPECT_EQ(first.rows->num_rows(), 2);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(Add(batch, 110), std::nullopt);
  EXPECT_EQ(batch.Close(kNow).coverage.range, (batch::Range{104, 111}));
}

TEST_F(OpenBatchTest, PunctuationCoversNothing) {
  OpenBatch batch = BatchFrom(100);
  const ClosedBatch closed = batch.Close(kNow);
  EXPECT_EQ(closed.coverage.range, (batch::Range{100, 100}));
  EXPECT_EQ(batch::Total(closed.coverage.counts), 0);
  EXPECT_EQ(closed.rows->num_rows(), 0);
}

TEST_F(OpenBatchTest, ARepeatIsLeftOut) {
  OpenBatch batch = BatchFrom(100);
  EXPECT_EQ(Add(batch, 99), std::nullopt);
  EXPECT_TRUE(batch.empty());
  Add(batch, 100);
  Add(batch, 100);
  EXPECT_EQ(batch.Close(kNow).rows->num_rows(), 1);
}

TEST_F(OpenBatchTest, ARewindBeginsAgainFurtherBack) {
  OpenBatch batch = BatchFrom(95);
  Add(batch, 95);
  EXPECT_EQ(batch.Close(kNow).coverage.range, (batch::Range{95, 96}));
}

TEST_F(OpenBatchTest, CountsAreThoseOfTheRows) {
  OpenBatch batch = BatchFrom(100);
  EXPECT_EQ(Add(batch, 100, 1, "{"), batch::Reason::kInvalidJson);
  EXPECT_EQ(Add(batch, 101), std::nullopt);
  batch.Add("key", std::nullopt, 1, 102);
  const batch::Counts counts = batch.Close(kNow).coverage.counts;
  EXPECT_EQ(counts[static_cast<size_t>(batch::Verdict::kCorrupt)], 1);
  EXPECT_EQ(counts[static_cast<size_t>(batch::Verdict::kValid)], 1);
  EXPECT_EQ(counts[static_cast<size_t>(batch::Verdict::kTombstone)], 1);
  EXPECT_EQ(batch::Total(counts), 3);
}

TEST_F(OpenBatchTest, IsFullByRowsOrBytes) {
  pipeline_.batch_rows = 2;
  OpenBatch rows = BatchFrom(0);
  Add(rows, 0);
  EXPECT_FALSE(rows.IsFull());
  Add(rows, 1);
  EXPECT_TRUE(rows.IsFull());
  rows.Close(kNow);
  EXPECT_FALSE(rows.IsFull());
  pipeline_.batch_bytes = 1;
  OpenBatch bytes = BatchFrom(0);
  Add(bytes, 0);
  EXPECT_TRUE(bytes.IsFull());
}

TEST_F(OpenBatchTest, IsIdleOnceNothingCameForAWhile) {
  OpenBatch batch = BatchFrom(100);
  EXPECT_FALSE(batch.Close(kNow + absl::Seconds(60)).coverage.idle);
  EXPECT_TRUE(batch.Close(kNow + absl::Seconds(61)).coverage.idle);
  Add(batch, 100);
  EXPECT_FALSE(batch.Close(kNow + absl::Seconds(90)).coverage.idle);
  EXPECT_FALSE(batch.Close(kNow + absl::Seconds(150)).coverage.idle);
  EXPECT_TRUE(batch.Close(kNow + absl::Seconds(151)).coverage.idle);
}

TEST_F(OpenBatchTest, TheNewestTimestampIsOneThatASinkCanStore) {
  OpenBatch batch = BatchFrom(100);
  Add(batch, 100, 5000);
  Add(batch, 101, 4000);
  EXPECT_EQ(Add(batch, 102, record::kMaxTimestampMs + 1), batch::Reason::kInvalidRecordTimestamp);
  EXPECT_EQ(batch.Close(kNow).coverage.newest_timestamp_ms, 5000);
  EXPECT_EQ(batch.Close(kNow).coverage.newest_timestamp_ms, 5000) << "nor does it go back";
}

TEST_F(OpenBatchTest, TheWatermarkFollowsTheNewestEvent) {
  OpenBatch batch = BatchFrom(100);
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, std::nullopt);
  const int64_t late_ms = 24 * kHour / 1000;
  Add(batch, 100, late_ms, R"({"at": "1970-01-01T02:00:00Z"})");
  Add(batch, 101, late_ms, R"({"at": "1970-01-01T01:00:00Z"})");
  Add(batch, 102, late_ms, R"({})");
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 2 * kHour - 1'000'000);
  Add(batch, 103, late_ms, R"({"at": "1970-01-01T01:30:00Z"})");
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 2 * kHour - 1'000'000)
      << "it does not go back";
}

TEST_F(OpenBatchTest, AnEventOfTheFutureDoesNotDragTheWatermarkAlong) {
  OpenBatch batch = BatchFrom(100);
  Add(batch, 100, 3 * kHour / 1000, R"({"at": "1999-01-01T00:00:00Z"})");
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 3 * kHour - 1'000'000);
}

TEST_F(OpenBatchTest, TheWatermarkGoesOnWhereTheLastBatchHadIt) {
  last_.watermark_us = 5 * kHour;
  OpenBatch batch = BatchFrom(100);
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 5 * kHour);
  Add(batch, 100, 3 * kHour / 1000, R"({"at": "1970-01-01T02:00:00Z"})");
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 5 * kHour);
}

TEST_F(OpenBatchTest, WithoutAColumnEventTimeIsTheRecordsTimestamp) {
  pipeline_.event_time_column = "";
  OpenBatch batch = BatchFrom(100);
  Add(batch, 100, 7000, R"({"at": "1970-01-01T00:00:01Z"})");
  EXPECT_EQ(batch.Close(kNow).coverage.watermark_us, 6'000'000);
}

TEST_F(OpenBatchTest, AnotherContractJudgesFromTheNextBatchOn) {
  OpenBatch batch = BatchFrom(100);
  Add(batch, 100);
  EXPECT_EQ(batch.Close(kNow).coverage.contract.version, "1.0.0");
  batch.JudgeBy(JudgeOf("1.1.0"));
  Add(batch, 101);
  const ClosedBatch closed = batch.Close(kNow);
  EXPECT_EQ(closed.coverage.contract, (batch::ContractRef{"1.1.0", "hash of 1.1.0"}));
  EXPECT_EQ(closed.coverage.range, (batch::Range{101, 102}));
  EXPECT_EQ(&batch.judge(), judges_.back().get());
}

}  // namespace
}  // namespace sluice::ingest_validator
