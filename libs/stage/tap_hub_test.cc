#include "stage/tap_hub.h"

#include <gtest/gtest.h>

#include <memory>

#include "batch/batch_for_test.h"
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
  const auto tap = *hub_.Open({});
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
  const auto tap = *hub_.Open(filter);
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
  const auto tap = *hub_.Open(filter);
  Offer(10, 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(tap->Next(absl::ZeroDuration()).has_value());
  EXPECT_TRUE(tap->done());
}

TEST_F(TapHubTest, ASlowReaderLosesRecordsAndHoldsNobodyUp) {
  service::TapFilter filter;
  filter.limit = 1'000'000;
  const auto tap = *hub_.Open(filter);
  for (int i = 0; i < 100; ++i) Offer(100, 0);
  int read = 0;
  while (tap->Next(absl::ZeroDuration()).has_value()) ++read;
  EXPECT_GT(read, 0);
  EXPECT_LT(read, 1000) << "the queue is bounded";
}

// What the filters see: two clean rows, one of which a warning fits; two that fail by different
// rules; a corrupt one.
class TapFilterTest : public testing::Test {
 protected:
  TapFilterTest() {
    auto contract = std::make_shared<contract::Contract>(*batch::ContractForTest());
    contract->rules[0].id = "car_known";
    contract->rules[0].column = "car";
    contract->rules[1].id = "speed_maximum";
    contract->rules[1].column = "speed";
    contract->rules[2].id = "at_and_day";  // of the whole row
    contract_ = contract;
  }

  void Offer() {
    const auto rows = batch::RowsForTest(
        *contract_, {{0, batch::Verdict::kClean, {}, {}},
                     {1, batch::Verdict::kClean, {}, 1},
                     {2, batch::Verdict::kFailed, {}, 0},
                     {3, batch::Verdict::kFailed, {}, 2},
                     {4, batch::Verdict::kCorrupt, batch::Reason::kEmptyValue, {}}});
    ASSERT_TRUE(rows.ok()) << rows.status();
    hub_.Offer(**rows, *contract_, 0);
  }

  // The offsets that pass.
  std::vector<int64_t> Taken(const service::TapFilter& filter) {
    auto tap = hub_.Open(filter);
    EXPECT_TRUE(tap.ok()) << tap.status();
    if (!tap.ok()) return {};
    Offer();
    std::vector<int64_t> offsets;
    while (const auto record = (*tap)->Next(absl::ZeroDuration()))
      offsets.push_back(record->offset);
    return offsets;
  }

  static service::TapFilter Filter(const char* verdict, const char* rule, const char* column,
                                   const char* reason) {
    const auto word = [](const char* text) {
      return text != nullptr ? std::optional<std::string>(text) : std::nullopt;
    };
    service::TapFilter filter;
    filter.verdict = word(verdict);
    filter.rule = word(rule);
    filter.column = word(column);
    filter.reason = word(reason);
    return filter;
  }

  std::shared_ptr<contract::Contract> contract_;
  TapHub hub_;
};

using Offsets = std::vector<int64_t>;

TEST_F(TapFilterTest, AllConditionsHaveToHold) {
  Offer();
  EXPECT_EQ(Taken(Filter(nullptr, "speed_maximum", nullptr, nullptr)), Offsets{1});
  EXPECT_EQ(Taken(Filter(nullptr, nullptr, "car", nullptr)), Offsets{2});
  EXPECT_EQ(Taken(Filter("failed", "at_and_day", nullptr, nullptr)), Offsets{3});
  EXPECT_EQ(Taken(Filter(nullptr, nullptr, nullptr, "empty_value")), Offsets{4});
  EXPECT_EQ(Taken(Filter(nullptr, nullptr, nullptr, "oversize")), Offsets{});
  EXPECT_EQ(Taken(Filter("failed", "speed_maximum", nullptr, nullptr)), Offsets{});
  EXPECT_EQ(Taken(Filter(nullptr, "car_known", "speed", nullptr)), Offsets{}) << "both, not either";
  EXPECT_EQ(Taken(Filter(nullptr, nullptr, "day", nullptr)), Offsets{}) << "it has no rule";
}

TEST_F(TapFilterTest, FollowsTheContract) {
  Offer();
  const auto tap = *hub_.Open(Filter(nullptr, "car_known", nullptr, nullptr));
  contract_->content_hash = std::string(64, 'b');
  std::swap(contract_->rules[0], contract_->rules[2]);
  Offer();
  EXPECT_EQ(tap->Next(absl::ZeroDuration())->offset, 3) << "the rule has another bit now";
}

TEST_F(TapFilterTest, UnknownNamesAreRefused) {
  EXPECT_EQ(hub_.Open(Filter(nullptr, "car_known", nullptr, nullptr)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Offer();
  const auto rule = hub_.Open(Filter(nullptr, "car_knwon", nullptr, nullptr)).status();
  EXPECT_EQ(rule.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rule.message(),
            "the contract in force here has no rule `car_knwon`; did you mean \"car_known\"?; it "
            "has: car_known, speed_maximum, at_and_day");
  EXPECT_EQ(hub_.Open(Filter(nullptr, nullptr, "colour", nullptr)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(TapFilterTest, ClassifiedValuesAreHiddenUnlessAskedFor) {
  contract_->columns[0].classification = "Confidential";
  contract_->columns[1].classification = "internal";
  service::TapFilter shown;
  shown.show_classified = true;
  const auto hiding = *hub_.Open({});
  const auto showing = *hub_.Open(shown);
  Offer();
  std::vector<service::TappedRecord> hidden, all;
  for (int i = 0; i < 5; ++i) {
    hidden.push_back(*hiding->Next(absl::ZeroDuration()));
    all.push_back(*showing->Next(absl::ZeroDuration()));
  }
  EXPECT_EQ(hidden[0].json, R"({"car":"[redacted]","trip":0,"speed":0,"moving":true,)"
                            R"("day":"2022-01-08","at":"2023-11-14T22:13:20Z"})");
  EXPECT_EQ(hidden[0].key, "[redacted]");
  EXPECT_TRUE(hidden[0].redacted);
  EXPECT_EQ(hidden[2].key, "") << "there is none";
  EXPECT_EQ(hidden[4].json, "[redacted]") << "bytes that may hold the value";
  EXPECT_EQ(hidden[4].reason, "empty_value");
  EXPECT_NE(all[0].json.find("car 0"), std::string::npos);
  EXPECT_EQ(all[0].key, "key-0");
  EXPECT_FALSE(all[0].redacted);
  EXPECT_EQ(all[4].json, "{broken 4");
}

TEST_F(TapFilterTest, AsManyAsThereMayBe) {
  std::vector<std::unique_ptr<service::TapStream>> open;
  for (int i = 0; i < 16; ++i) open.push_back(*hub_.Open({}));
  EXPECT_EQ(hub_.Open({}).status().code(), absl::StatusCode::kResourceExhausted);
  open.pop_back();
  EXPECT_TRUE(hub_.Open({}).ok());
}

}  // namespace
}  // namespace sluice::stage
