#include "sluicectl/records/column_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const contract::Contract> Orders() {
  auto contract = contract::ParseContract(R"(apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: coupon, logicalType: string}
      - {name: amount, logicalType: integer, logicalTypeOptions: {format: i16}}
      - {name: price, logicalType: number}
      - {name: paid, logicalType: boolean}
      - {name: ordered_at, logicalType: timestamp}
      - {name: due, logicalType: date, logicalTypeOptions: {format: dd.MM.yyyy}}
      - {name: ship_to, logicalType: object, properties: [{name: zip, logicalType: integer}]}
)",
                                          "orders");
  EXPECT_TRUE(contract.ok()) << contract.status();
  return *contract;
}

// `column | value | member`, one a line; or what is wrong.
std::string Read(const std::vector<std::string>& texts) {
  const auto conditions = ParseConditions(texts, *Orders());
  if (!conditions.ok()) {
    EXPECT_TRUE(absl::IsInvalidArgument(conditions.status())) << conditions.status();
    return std::string(conditions.status().message());
  }
  std::string text;
  for (const ColumnCondition& condition : *conditions) {
    text += condition.column + " | " + condition.value + " | " + condition.member + "\n";
  }
  return text;
}

TEST(ColumnConditionTest, AreReadAsInARecord) {
  EXPECT_EQ(Read({"coupon=a=\"b\""}), "coupon | a=\"b\" | \"coupon\":\"a=\\\"b\\\"\"\n");
  EXPECT_EQ(Read({"coupon="}), "coupon |  | \"coupon\":\"\"\n");
  EXPECT_EQ(Read({"amount=-7", "paid=true"}),
            "amount | -7 | \"amount\":-7\npaid | true | \"paid\":true\n");
  EXPECT_EQ(Read({"price=1.50"}), "price | 1.5 | \"price\":1.5\n");
  EXPECT_EQ(Read({"ordered_at=2024-03-10T10:00:00.500+02:00"}),
            "ordered_at | 2024-03-10T08:00:00.5Z | \"ordered_at\":\"2024-03-10T08:00:00.5Z\"\n");
  EXPECT_EQ(Read({"due=31.12.2024"}), "due | 2024-12-31 | \"due\":\"2024-12-31\"\n");
}

TEST(ColumnConditionTest, AMemberOfAnObjectIsNamedByItsPath) {
  EXPECT_EQ(Read({"ship_to.zip=123"}), "ship_to.zip | 123 | \"zip\":123\n");
  EXPECT_EQ(ParseConditions({"ship_to.zip=123"}, *Orders())->at(0).table_column, "ship_to_zip");
}

TEST(ColumnConditionTest, AnUnknownColumnNamesTheNearest) {
  EXPECT_THAT(Read({"amuont=7"}), HasSubstr("no column `amuont`; did you mean \"amount\"?"));
  EXPECT_THAT(Read({"nothing_like_it=7"}),
              HasSubstr("it has: coupon, amount, price, paid, ordered_at, due, ship_to.zip"));
}

TEST(ColumnConditionTest, WhatNoRecordCanHaveIsRefused) {
  EXPECT_THAT(Read({"amount"}), HasSubstr("is not COLUMN=VALUE"));
  EXPECT_THAT(Read({"=7"}), HasSubstr("is not COLUMN=VALUE"));
  EXPECT_THAT(Read({"amount=seven"}), HasSubstr("`seven` is no value of column amount"));
  EXPECT_THAT(Read({"amount=70000"}), HasSubstr("number_out_of_range"));
  EXPECT_THAT(Read({"amount=1,\"price\":2"}), HasSubstr("is no value of column amount"));
  EXPECT_THAT(Read({"price=null"}), HasSubstr("missing_field"));
  EXPECT_THAT(Read({"due=2024-12-31"}), HasSubstr("invalid_date"));
  EXPECT_THAT(Read({"amount=1", "amount=2"}), HasSubstr("column amount is named twice"));
}

}  // namespace
}  // namespace sluice::sluicectl
