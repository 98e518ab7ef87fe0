#include "sluicectl/contract/shadow_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace sluice::sluicectl {
namespace {

std::shared_ptr<const contract::Contract> Parse(std::string_view version, std::string_view amount,
                                                std::string_view coupon) {
  auto contract = contract::ParseContract(
      Concat("apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: ", version,
             "\nstatus: active\nschema:\n  - name: orders\n    properties:\n"
             "      - {name: amount, logicalType: integer",
             amount, "}\n      - {name: coupon, logicalType: string", coupon, "}\n"),
      "orders");
  EXPECT_TRUE(contract.ok()) << contract.status();
  return *contract;
}

class ShadowReportTest : public testing::Test {
 protected:
  ShadowReportTest() : shadow_(candidate_, {}) {
    int64_t offset = 40;
    for (const char* value : {R"({"amount":1,"coupon":"a"})", R"({"amount":-1,"coupon":"a"})",
                              R"({"amount":12,"coupon":"toolong"})", R"({"amount":3})"}) {
      EXPECT_TRUE(shadow_.Add(live_, {2, offset++, 0, std::nullopt, value}).ok());
    }
    EXPECT_TRUE(shadow_.Flush().ok());
  }

  const std::shared_ptr<const contract::Contract> live_ =
      Parse("1.0.0", ", logicalTypeOptions: {minimum: 0}", ", logicalTypeOptions: {maxLength: 3}");
  const std::shared_ptr<const contract::Contract> candidate_ =
      Parse("0.9.0", ", logicalTypeOptions: {maximum: 10}", ", required: true");
  sample::Shadow shadow_;
  const std::vector<ShadowPartition> partitions_ = {{2, {40, 45}, 4}};
  const ShadowResult result_{*candidate_, shadow_.report(), partitions_};
};

TEST_F(ShadowReportTest, ForPeople) {
  EXPECT_EQ(result_.ToText(), R"(LIVE   CANDIDATE  RECORDS  COMPATIBILITY  RELOAD WOULD REFUSE
1.0.0  0.9.0            4  none           a changed contract needs a higher version than 1.0.0, or the validator refuses it; it has 0.9.0

PARTITION  FIRST  NEXT  RECORDS
        2     40    45        4

LIVE VERDICT  CANDIDATE VERDICT  RECORDS  EXAMPLES
clean         clean                    1  -
clean         corrupt                  1  2@43
failed        clean                    1  2@41
failed        failed                   1  -

CORRUPT        LIVE  CANDIDATE  NEWLY  NO LONGER  EXAMPLES
missing_field     0          1      1          0  + 2@43: coupon = {"amount":3}

RULE               COLUMN  ACTION           LIVE  CANDIDATE  NEWLY  NO LONGER  EXAMPLES
amount_maximum     amount  - -> quarantine     0          1      1          0  + 2@42: amount = 12
amount_minimum     amount  quarantine -> -     1          0      0          1  - 2@41: amount = -1
coupon_max_length  coupon  quarantine -> -     1          0      0          1  - 2@42: coupon = toolong

4 records judged by orders 0.9.0 beside the live contract: 2 would have another verdict)");
}

TEST(ShadowReportOfMetrics, HasTheValuesOfBothSides) {
  const auto candidate = Parse("2.0.0", "", "");
  sample::ShadowReport report;
  report.metrics = {{"nulls", "coupon", sample::MetricValues{"mustBeLessThan: 3", 4, 0, 0, 2, {}},
                     sample::MetricValues{"mustBeLessThan: 20 percent",
                                          3,
                                          2,
                                          5,
                                          50.5,
                                          {{1, 700, {}, 50.5}, {0, 0, 60'000'000, 33}}}},
                    {"few", "", std::nullopt, sample::MetricValues{"mustBe: 0", 0, 0, 0, 0, {}}},
                    {"gone", "", sample::MetricValues{"mustBe: 1", 1, 1, 7, 7, {}}, std::nullopt}};
  const std::vector<ShadowPartition> partitions;
  const ShadowResult result(*candidate, report, partitions);
  EXPECT_THAT(
      result.ToText(),
      testing::StartsWith(
          R"(METRIC  COLUMN  THRESHOLD                                        LIVE VALUE  LIVE FAILED  VALUE      FAILED  WINDOWS  EXAMPLES
nulls   coupon  mustBeLessThan: 3 -> mustBeLessThan: 20 percent  0 to 2                0  5 to 50.5       2        3  1@700: 50.5; 0@1970-01-01T00:01:00Z: 33
few     -       - -> mustBe: 0                                   -                     -  -               0        0  -
gone    -       mustBe: 1 -> -                                   7                     1  -               -        1  -
)"));
  const std::string json = result.ToJson().Dump();
  for (
      const char* part :
      {R"({"rule": "nulls", "column": "coupon", "live": {"threshold": "mustBeLessThan: 3", "windows": 4, "failed": 0, "lowest": 0, "highest": 2, "examples": []}, "candidate": {)",
       R"("examples": [{"partition": 1, "first_offset": 700, "value": 50.5}, {"partition": 0, "window_start": "1970-01-01T00:01:00Z", "value": 33}])",
       R"({"rule": "few", "column": null, "live": null, "candidate": {"threshold": "mustBe: 0", "windows": 0, "failed": 0, "lowest": null, "highest": null, "examples": []}})"}) {
    EXPECT_THAT(json, testing::HasSubstr(part));
  }
}

TEST_F(ShadowReportTest, ForPrograms) {
  const std::string json = result_.ToJson().Dump();
  for (
      const char* part :
      {R"("version": "0.9.0")", R"("records": 4, "differing": 2)",
       R"({"partition": 2, "first": 40, "next": 45, "records": 4})",
       R"({"live": "failed", "candidate": "clean", "records": 1, "examples": [{"partition": 2, "offset": 41}]})",
       R"({"reason": "missing_field", "live": 0, "candidate": 1, "newly": 1, "no_longer": 0, "newly_examples": [{"partition": 2, "offset": 43, "column": "coupon", "value": "{\"amount\":3}"}], "no_longer_examples": []})",
       R"({"rule": "amount_minimum", "column": "amount", "live_action": "quarantine", "candidate_action": null, "live": 1, "candidate": 0, "newly": 0, "no_longer": 1, "newly_examples": [], "no_longer_examples": [{"partition": 2, "offset": 41, "column": "amount", "value": "-1"}]})"}) {
    EXPECT_THAT(json, testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace sluice::sluicectl
