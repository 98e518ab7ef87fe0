#include "stage/tap_hub.h"

#include <gtest/gtest.h>

#include <memory>

#include "batch/schema.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"

namespace sluice::stage {
namespace {

class TapHubTest : public testing::Test {
 protected:
  TapHubTest() {
    auto contract = std::make_shared<contract::Contract>();
    contract::Column column;
    column.name = "speed";
    column.type = contract::LogicalType::kNumber;
    contract->columns.push_back(column);
    contract_ = contract;
  }

  /// `records` valid records, and a corrupt one behind them.
  void Offer(int records, int32_t partition) {
    record::BatchBuilder builder(contract_);
    record::RecordParser parser(contract_);
    for (int i = 0; i < records; ++i) parser.Parse("k", R"({"speed": 1.5})", 7, i, &builder);
    parser.Parse("k", "{broken", 7, records, &builder);
    hub_.Offer(*builder.Finish(), *contract_, partition);
  }

  std::shared_ptr<const contract::Contract> contract_;
  TapHub hub_;
};

TEST_F(TapHubTest, ShowsColumnsOrRawBytes) {
  const auto tap = hub_.Open({});
  Offer(1, 3);
  const auto valid = tap->Next(absl::ZeroDuration());
  ASSERT_TRUE(valid.has_value());
  EXPECT_EQ(valid->partition, 3);
  EXPECT_EQ(valid->verdict, "valid");
  EXPECT_TRUE(valid->columns);
  EXPECT_EQ(valid->json, R"({"speed":1.5})");
  const auto corrupt = tap->Next(absl::ZeroDuration());
  ASSERT_TRUE(corrupt.has_value());
  EXPECT_EQ(corrupt->reason, "invalid_json");
  EXPECT_FALSE(corrupt->columns);
  EXPECT_EQ(corrupt->json, "{broken");
  EXPECT_FALSE(tap->Next(absl::ZeroDuration()).has_value());
  EXPECT_FALSE(tap->done()) << "the limit is not reached";
}

TEST_F(TapHubTest, TakesWhatTheFilterNames) {
  service::TapFilter filter;
  filter.verdict = "corrupt";
  filter.partition = 1;
  const auto tap = hub_.Open(filter);
  Offer(2, 0);
  EXPECT_FALSE(tap->Next(absl::ZeroDuration()).has_value());
  Offer(2, 1);
  const auto record = tap->Next(absl::ZeroDuration());
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->verdict, "corrupt");
  EXPECT_EQ(record->offset, 2);
  EXPECT_FALSE(tap->Next(absl::ZeroDuration()).has_value());
}

TEST_F(TapHubTest, EndsAtItsLimit) {
  service::TapFilter filter;
  filter.limit = 3;
  const auto tap = hub_.Open(filter);
  Offer(10, 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(tap->Next(absl::ZeroDuration()).has_value());
  EXPECT_TRUE(tap->done());
}

TEST_F(TapHubTest, ASlowReaderLosesRecordsAndHoldsNobodyUp) {
  service::TapFilter filter;
  filter.limit = 1'000'000;
  const auto tap = hub_.Open(filter);
  for (int i = 0; i < 100; ++i) Offer(100, 0);
  int read = 0;
  while (tap->Next(absl::ZeroDuration()).has_value()) ++read;
  EXPECT_GT(read, 0);
  EXPECT_LT(read, 1000) << "the queue is bounded";
}

}  // namespace
}  // namespace sluice::stage
