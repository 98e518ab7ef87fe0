#include "batch/event_time.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "arrow/api.h"
#include "batch/batch_for_test.h"
#include "batch/schema.h"

namespace sluice::batch {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

/// A record: its Kafka timestamp, and its value in the column of event time.
struct Record {
  std::optional<int64_t> timestamp_ms;
  std::optional<int64_t> event_us;
};

std::shared_ptr<arrow::Array> Timestamps(const std::vector<Record>& records,
                                         arrow::TimeUnit::type unit,
                                         std::optional<int64_t> Record::*value) {
  arrow::TimestampBuilder builder(arrow::timestamp(unit, "UTC"), arrow::default_memory_pool());
  for (const Record& record : records) {
    const std::optional<int64_t> at = record.*value;
    EXPECT_TRUE((at ? builder.Append(*at) : builder.AppendNull()).ok());
  }
  return *builder.Finish();
}

class EventTimesTest : public testing::Test {
 protected:
  std::shared_ptr<arrow::RecordBatch> Rows(const std::vector<Record>& records) const {
    std::vector<RowForTest> rows(records.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i].offset = static_cast<Offset>(i);
    auto batch = *RowsForTest(*contract_, rows);
    const auto put = [&](int column, std::shared_ptr<arrow::Array> values) {
      batch = *batch->SetColumn(column, batch->schema()->field(column), std::move(values));
    };
    put(kTimestamp, Timestamps(records, arrow::TimeUnit::MILLI, &Record::timestamp_ms));
    put(kSystemColumns + Column("at"),
        Timestamps(records, arrow::TimeUnit::MICRO, &Record::event_us));
    return batch;
  }
  int Column(const char* name) const { return contract_->FindColumn(name); }

  /// Of one record; nothing is 'none'.
  std::optional<int64_t> At(const Record& record, const char* column = "at") const {
    return EventTimes(*Rows({record}), Column(column)).At(0);
  }

  const std::shared_ptr<const contract::Contract> contract_ = ContractForTest();
};

TEST_F(EventTimesTest, IsThatOfTheColumn) {
  EXPECT_EQ(At({5, 4999}), 4999);
  EXPECT_EQ(At({5, -7}), -7);
}

TEST_F(EventTimesTest, IsNeverLaterThanTheRecordsOwnTimestamp) {
  EXPECT_EQ(At({5, 5000}), 5000);
  EXPECT_EQ(At({5, 5001}), 5000);
  EXPECT_EQ(At({5, kMost}), 5000);
}

TEST_F(EventTimesTest, IsTheTimestampWithoutAColumn) {
  EXPECT_EQ(At({5, 4999}, "no such column"), 5000);
  EXPECT_EQ(At({5, std::nullopt}, "no such column"), 5000);
  EXPECT_EQ(At({5, 4999}, "day"), 5000) << "a date is no event time";
}

TEST_F(EventTimesTest, ARecordMayHaveNone) {
  EXPECT_EQ(At({std::nullopt, 4999}), std::nullopt) << "nothing bounds it";
  EXPECT_EQ(At({5, std::nullopt}), std::nullopt);
  EXPECT_EQ(At({std::nullopt, 4999}, "no such column"), std::nullopt);
}

TEST_F(EventTimesTest, WhatIsTooFarFromTheEpochIsNone) {
  EXPECT_EQ(At({-1, 4999}), std::nullopt);
  EXPECT_EQ(At({kMost, 4999}), std::nullopt);
  EXPECT_EQ(At({5, kLeast}), std::nullopt);
}

TEST_F(EventTimesTest, TheNewestIsOfAllRows) {
  const auto newest = [&](const std::vector<Record>& records) {
    return EventTimes(*Rows(records), Column("at")).Newest();
  };
  EXPECT_EQ(newest({}), std::nullopt);
  EXPECT_EQ(newest({{5, std::nullopt}, {std::nullopt, 7}}), std::nullopt);
  EXPECT_EQ(newest({{5, 10}, {9, 8000}, {5, std::nullopt}, {7, 9000}}), 8000);
  EXPECT_EQ(newest({{5, -3}, {5, -9}}), -3);
}

}  // namespace
}  // namespace sluice::batch
