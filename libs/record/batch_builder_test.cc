#include "record/batch_builder.h"

#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "batch/schema.h"

namespace sluice::record {
namespace {

using batch::Reason;
using batch::Verdict;
using contract::LogicalType;

std::shared_ptr<const contract::Contract> AllTypes() {
  auto contract = std::make_shared<contract::Contract>();
  for (LogicalType type :
       {LogicalType::kString, LogicalType::kInteger, LogicalType::kNumber, LogicalType::kBoolean,
        LogicalType::kDate, LogicalType::kTimestamp, LogicalType::kTime}) {
    contract::Column column;
    column.name = std::string(1, static_cast<char>('a' + contract->columns.size()));
    column.type = type;
    contract->columns.push_back(column);
  }
  contract->rules.resize(9);  // two bytes of failed rules
  return contract;
}

Cell Integer(int64_t value) {
  Cell cell;
  cell.null = false;
  cell.integer = value;
  return cell;
}
Cell Number(double value) {
  Cell cell;
  cell.null = false;
  cell.number = value;
  return cell;
}
Cell Text(std::string_view value) {
  Cell cell;
  cell.null = false;
  cell.text = value;
  return cell;
}

std::vector<Cell> Row(int64_t i) {
  return {Text(std::string_view("abcdefghij").substr(0, i % 11)),
          Integer(i * 1'000'000'007),
          Number(i / 8.0),
          Integer(i % 3 == 0),
          Integer(i % 20'000),
          Integer(-i),
          Integer(i * 1'000'000 % 86'400'000'000)};
}

const arrow::Array& Column(const arrow::RecordBatch& batch, int i) { return *batch.column(i); }
template <typename T>
const T& As(const arrow::RecordBatch& batch, int i) {
  return static_cast<const T&>(*batch.column(i));
}

class BatchBuilderTest : public testing::Test {
 protected:
  BatchBuilderTest() : contract_(AllTypes()), builder_(contract_) {}

  std::shared_ptr<arrow::RecordBatch> Finish() {
    auto batch = builder_.Finish();
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
    EXPECT_TRUE(batch->schema()->Equals(*batch::BatchSchema(*contract_), /*check_metadata=*/true));
    return batch;
  }

  std::shared_ptr<const contract::Contract> contract_;
  BatchBuilder builder_;
};

TEST_F(BatchBuilderTest, NoRows) {
  EXPECT_TRUE(builder_.empty());
  const auto batch = Finish();
  EXPECT_EQ(batch->num_rows(), 0);
}

TEST_F(BatchBuilderTest, ValuesOfEveryType) {
  builder_.AppendValid({41, 1'700'000'000'000, "k"}, Row(5));
  builder_.AppendValid({42, std::nullopt, std::nullopt}, std::vector<Cell>(7));
  EXPECT_EQ(builder_.rows(), 2);
  EXPECT_EQ(builder_.counts()[static_cast<size_t>(Verdict::kValid)], 2);
  const auto batch = Finish();
  EXPECT_EQ(As<arrow::Int64Array>(*batch, batch::kOffset).Value(1), 42);
  EXPECT_EQ(As<arrow::TimestampArray>(*batch, batch::kTimestamp).Value(0), 1'700'000'000'000);
  EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kKey).GetView(0), "k");
  EXPECT_TRUE(Column(*batch, batch::kTimestamp).IsNull(1));
  EXPECT_TRUE(Column(*batch, batch::kKey).IsNull(1));
  const int c = batch::kSystemColumns;
  EXPECT_EQ(As<arrow::StringArray>(*batch, c).GetView(0), "abcde");
  EXPECT_EQ(As<arrow::Int64Array>(*batch, c + 1).Value(0), 5'000'000'035);
  EXPECT_EQ(As<arrow::DoubleArray>(*batch, c + 2).Value(0), 0.625);
  EXPECT_FALSE(As<arrow::BooleanArray>(*batch, c + 3).Value(0));
  EXPECT_EQ(As<arrow::Date32Array>(*batch, c + 4).Value(0), 5);
  EXPECT_EQ(As<arrow::TimestampArray>(*batch, c + 5).Value(0), -5);
  EXPECT_EQ(As<arrow::Time64Array>(*batch, c + 6).Value(0), 5'000'000);
  for (int i = c; i < c + 7; ++i) EXPECT_TRUE(Column(*batch, i).IsNull(1));
  for (int i :
       {batch::kReason, batch::kFailedRules, batch::kRaw, batch::kRawLength, batch::kRawSha256}) {
    EXPECT_EQ(Column(*batch, i).null_count(), 2);
  }
}

TEST_F(BatchBuilderTest, RowsWithoutColumns) {
  RawValue raw;
  raw.bytes = "abc";
  raw.length = 1000;
  raw.sha256.fill(7);
  RawValue empty;
  builder_.AppendValid({1, 1, "k"}, Row(1));
  builder_.AppendWithoutColumns({2, 1, "k"}, Verdict::kCorrupt, Reason::kOversize, &raw);
  builder_.AppendWithoutColumns({3, 1, "k"}, Verdict::kTombstone, std::nullopt, nullptr);
  builder_.AppendWithoutColumns({4, 1, "k"}, Verdict::kCorrupt, Reason::kEmptyValue, &empty);
  builder_.AppendValid({5, 1, "k"}, Row(1));
  EXPECT_EQ(builder_.counts()[static_cast<size_t>(Verdict::kCorrupt)], 2);
  EXPECT_EQ(builder_.counts()[static_cast<size_t>(Verdict::kTombstone)], 1);
  const auto batch = Finish();
  const auto& reasons = As<arrow::DictionaryArray>(*batch, batch::kReason);
  const auto reason = [&](int row) {
    return std::string(static_cast<const arrow::StringArray&>(*reasons.dictionary())
                           .GetView(reasons.GetValueIndex(row)));
  };
  EXPECT_TRUE(reasons.IsNull(0));
  EXPECT_EQ(reason(1), "oversize");
  EXPECT_TRUE(reasons.IsNull(2));
  EXPECT_EQ(reason(3), "empty_value");
  const auto& raws = As<arrow::BinaryArray>(*batch, batch::kRaw);
  EXPECT_EQ(raws.null_count(), 3);
  EXPECT_EQ(raws.GetView(1), "abc");
  EXPECT_TRUE(raws.IsNull(2));
  EXPECT_TRUE(raws.IsValid(3));
  EXPECT_EQ(raws.GetView(3), "");
  EXPECT_EQ(As<arrow::Int32Array>(*batch, batch::kRawLength).Value(1), 1000);
  EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kRawSha256).GetView(1), std::string(32, 7));
  EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kRawSha256).GetView(3).size(), 32u);
  for (int i = batch::kSystemColumns; i < batch->num_columns(); ++i) {
    EXPECT_EQ(Column(*batch, i).null_count(), 3);
    EXPECT_TRUE(Column(*batch, i).IsValid(4));
  }
}

TEST_F(BatchBuilderTest, EveryNumberOfRowsAndAgain) {
  for (int64_t rows : {1, 7, 8, 9, 63, 64, 65, 200, 3}) {
    for (int64_t i = 0; i < rows; ++i) {
      if (i % 5 == 4) {
        builder_.AppendWithoutColumns({i, i, std::nullopt}, Verdict::kTombstone, std::nullopt,
                                      nullptr);
      } else {
        builder_.AppendValid({i, i, "key"}, Row(i));
      }
    }
    const auto batch = Finish();
    ASSERT_EQ(batch->num_rows(), rows);
    for (int64_t i = 0; i < rows; ++i) {
      ASSERT_EQ(As<arrow::Int64Array>(*batch, batch::kOffset).Value(i), i);
      for (int c = batch::kSystemColumns; c < batch->num_columns(); ++c) {
        ASSERT_EQ(Column(*batch, c).IsNull(i), i % 5 == 4);
      }
      if (i % 5 == 4) continue;
      ASSERT_EQ(As<arrow::StringArray>(*batch, batch::kSystemColumns).GetView(i).size(), i % 11);
      ASSERT_EQ(As<arrow::BooleanArray>(*batch, batch::kSystemColumns + 3).Value(i), i % 3 == 0);
    }
    EXPECT_TRUE(builder_.empty());
    EXPECT_EQ(builder_.bytes(), 0);
    EXPECT_EQ(batch::Total(builder_.counts()), 0);
  }
}

TEST_F(BatchBuilderTest, BuffersAreExactAndOutliveTheBuilder) {
  auto builder = std::make_unique<BatchBuilder>(contract_);
  for (int i = 0; i < 10; ++i) builder->AppendValid({i, i, "0123456789"}, Row(i));
  const auto batch = builder->Finish();
  builder.reset();
  ASSERT_TRUE(batch->ValidateFull().ok());
  EXPECT_EQ(batch->column_data(batch::kOffset)->buffers[1]->size(), 80);
  EXPECT_EQ(batch->column_data(batch::kOffset)->buffers[0], nullptr);
  EXPECT_EQ(batch->column_data(batch::kKey)->buffers[1]->size(), 44);
  EXPECT_EQ(batch->column_data(batch::kKey)->buffers[2]->size(), 100);
  EXPECT_EQ(batch->column_data(batch::kFailedRules)->buffers[1]->size(), 20);
  EXPECT_EQ(batch->column_data(batch::kSystemColumns + 3)->buffers[1]->size(), 2);
  for (const auto& column : batch->column_data()) {
    for (const auto& buffer : column->buffers) {
      if (buffer != nullptr) {
        EXPECT_EQ(buffer->address() % 64, 0u);
      }
    }
  }
}

TEST_F(BatchBuilderTest, BitsBeyondTheLastRowAreClear) {
  for (int i = 0; i < 10; ++i) builder_.AppendValid({i, i, "k"}, Row(3));
  builder_.AppendWithoutColumns({10, std::nullopt, std::nullopt}, Verdict::kTombstone, std::nullopt,
                                nullptr);
  const auto batch = Finish();
  for (const auto& column : batch->column_data()) {
    if (column->buffers[0] != nullptr) {
      ASSERT_EQ(column->buffers[0]->size(), 2);
      EXPECT_EQ(column->buffers[0]->data()[1] & ~0b111, 0);
    }
  }
  EXPECT_EQ(batch->column_data(batch::kTimestamp)->buffers[0]->data()[0], 0xFF);
  EXPECT_EQ(batch->column_data(batch::kTimestamp)->buffers[0]->data()[1], 0b011);
}

TEST_F(BatchBuilderTest, SameRowsAreTheSameBytes) {
  const auto encode = [&](BatchBuilder* builder) {
    for (int i = 0; i < 13; ++i) {
      builder->AppendValid({i, i, "k"}, Row(i));
      builder->AppendWithoutColumns({i + 100, i, "k"}, Verdict::kCorrupt, Reason::kWrongType,
                                    nullptr);
    }
    const auto batch = builder->Finish();
    auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
    auto writer = arrow::ipc::MakeStreamWriter(sink, batch->schema()).ValueOrDie();
    EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok());
    EXPECT_TRUE(writer->Close().ok());
    return sink->Finish().ValueOrDie()->ToString();
  };
  for (int i = 0; i < 100; ++i) builder_.AppendValid({i, i, "other"}, Row(i + 1000));
  builder_.Clear();
  BatchBuilder fresh(contract_);
  EXPECT_EQ(encode(&builder_), encode(&fresh));
}

TEST_F(BatchBuilderTest, BytesFollowTheRows) {
  builder_.AppendValid({1, 1, "k"}, Row(1));
  const int64_t one = builder_.bytes();
  builder_.AppendValid({1, 1, "k"}, Row(1));
  EXPECT_EQ(builder_.bytes(), 2 * one);
  const std::string big(1000, 'x');
  std::vector<Cell> row = Row(1);
  row[0] = Text(big);
  builder_.AppendValid({1, 1, "k"}, row);
  EXPECT_EQ(builder_.bytes(), 3 * one + 999);
}

}  // namespace
}  // namespace sluice::record
