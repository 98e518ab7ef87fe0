#include "tables/postgres_ddl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/batch_for_test.h"

namespace sluice::tables {
namespace {

using testing::HasSubstr;

constexpr int32_t kDay20240131 = 19'753;  // 2024-01-31 in days since 1970-01-01

contract::Contract ContractForTest() {
  contract::Contract contract = *batch::ContractForTest();
  contract.columns[1].integer_min = std::numeric_limits<int32_t>::min();
  contract.columns[1].integer_max = std::numeric_limits<int32_t>::max();
  return contract;
}

contract::PostgresSinkConfig ConfigForTest() {
  contract::PostgresSinkConfig config;
  config.clean_table = "good";
  config.failed_table = "bad";
  config.corrupt_table = "broken";
  config.audit_view = "audit";
  config.partition_column = "day";
  return config;
}

std::vector<std::string> Names(const TableLayout& layout) {
  std::vector<std::string> names;
  for (const TableColumn& column : layout.columns) names.push_back(column.name);
  return names;
}

TableLayout Layout(TableRole role) {
  auto layout = MakeLayout(ContractForTest(), ConfigForTest(), role);
  EXPECT_TRUE(layout.ok()) << layout.status();
  return *layout;
}

// The names that users rely on, in their order.
TEST(MakeLayout, ColumnsInTheirOrder) {
  EXPECT_THAT(Names(Layout(TableRole::kClean)),
              testing::ElementsAre("car", "trip", "speed", "moving", "day", "at", "message_key",
                                   "kafka_partition", "kafka_offset", "qc_status", "load_timestamp",
                                   "contract_id", "failed_rules"));
  EXPECT_THAT(Names(Layout(TableRole::kFailed)),
              testing::ElementsAre("car", "trip", "speed", "moving", "day", "at", "qc_status",
                                   "qc_summary", "load_timestamp", "message_key", "kafka_partition",
                                   "kafka_offset", "contract_id", "failed_rules"));
  EXPECT_THAT(Names(Layout(TableRole::kCorrupt)),
              testing::ElementsAre("message_key", "kafka_partition", "kafka_offset", "value_str",
                                   "error_reason", "load_timestamp", "raw", "raw_length",
                                   "raw_sha256", "record_timestamp", "contract_id"));
}

TEST(MakeLayout, RefusesWhatPostgresCannotDo) {
  contract::Contract contract = ContractForTest();
  contract::PostgresSinkConfig config = ConfigForTest();
  const auto code = [&] { return MakeLayout(contract, config, TableRole::kClean).status().code(); };
  const auto precondition = absl::StatusCode::kFailedPrecondition;
  config.partition_column = "car";
  EXPECT_EQ(code(), precondition);
  config.partition_column = "nowhere";
  EXPECT_EQ(code(), precondition);
  config.partition_column = "day";
  config.partition_interval = absl::Hours(6);
  EXPECT_EQ(code(), precondition);
  config.partition_column = "at";
  EXPECT_EQ(code(), absl::StatusCode::kOk);
  config.clean_table = std::string(60, 'x');
  EXPECT_EQ(code(), precondition);
  config.clean_table = "good";
  contract.columns[0].name = "kafka_offset";
  EXPECT_EQ(code(), precondition);
  contract.columns[0].name = "car";
  contract.columns[0].physical_type = "text); DROP TABLE x; --";
  EXPECT_EQ(code(), precondition);
  contract.columns[0].physical_type = "character varying(20)";
  EXPECT_EQ(code(), absl::StatusCode::kOk);
}

TEST(ColumnType, IntegersByTheirBounds) {
  contract::Column column;
  column.type = contract::LogicalType::kInteger;
  column.integer_min = 0;
  column.integer_max = 255;
  EXPECT_EQ(ColumnType(column), "smallint");
  column.integer_max = 65'535;
  EXPECT_EQ(ColumnType(column), "integer");
  column.integer_max = 4'294'967'295;
  EXPECT_EQ(ColumnType(column), "bigint");
  column.physical_type = "numeric(12,2)";
  EXPECT_EQ(ColumnType(column), "numeric(12,2)");
}

TEST(CreateTableSql, QuotesAndPartitions) {
  TableLayout layout = Layout(TableRole::kClean);
  layout.columns[0].name = "we\"ird";
  const std::string sql = CreateTableSql(layout, "test");
  EXPECT_THAT(sql, HasSubstr("CREATE TABLE IF NOT EXISTS \"public\".\"good\" (\n  \"we\"\"ird\" "
                             "text,\n  \"trip\" integer,"));
  EXPECT_THAT(sql, HasSubstr(") PARTITION BY RANGE (\"day\");\nCREATE TABLE IF NOT EXISTS "
                             "\"public\".\"good_default\" PARTITION OF"));
  EXPECT_THAT(sql, HasSubstr("\"kafka_offset\" bigint NOT NULL"));
  EXPECT_THAT(
      CopySql(Layout(TableRole::kCorrupt)),
      testing::StartsWith("COPY \"public\".\"broken\" (\"message_key\", \"kafka_partition\", "));
}

TEST(Partitions, NamesAndBounds) {
  const TableLayout layout = Layout(TableRole::kClean);
  const absl::Duration day = absl::Hours(24);
  EXPECT_EQ(PartitionName(layout, kDay20240131, day), "good_p20240131");
  EXPECT_EQ(ParsePartitionName(layout, "good_p20240131", day), kDay20240131);
  EXPECT_THAT(CreatePartitionSql(layout, kDay20240131, day),
              HasSubstr("FROM ( E'2024-01-31') TO ( E'2024-02-01')"));
  const absl::Duration hours = absl::Hours(6);
  EXPECT_EQ(PartitionName(layout, kDay20240131 * 4 + 1, hours), "good_p20240131_06");
  EXPECT_EQ(ParsePartitionName(layout, "good_p20240131_06", hours), kDay20240131 * 4 + 1);
  EXPECT_THAT(CreatePartitionSql(layout, kDay20240131 * 4 + 3, hours),
              HasSubstr("FROM ( E'2024-01-31 18:00:00+00') TO ( E'2024-02-01 00:00:00+00')"));
  EXPECT_EQ(ParsePartitionName(layout, "good_p20240131_07", hours), std::nullopt);
  EXPECT_EQ(ParsePartitionName(layout, "good_default", day), std::nullopt);
  EXPECT_EQ(BucketOf(-1, day), -1);
  EXPECT_EQ(BucketOf(0, day), 0);
  EXPECT_EQ(BucketOf(-86'400'000'000, day), -1);
  EXPECT_EQ(PartitionName(layout, -1, day), "good_p19691231");
}

}  // namespace
}  // namespace sluice::tables
