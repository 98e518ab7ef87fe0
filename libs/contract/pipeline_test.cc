#include "contract/pipeline.h"

#include <cstdlib>

#include "base/strings.h"
#include "contract/case_file_for_test.h"
#include "contract/environment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::contract {
namespace {

using ::testing::HasSubstr;

std::string Describe(const PipelineConfig& c) {
  std::string text =
      Concat("pipeline ", c.name, " generation ", c.generation, " contract ", c.contract_path, "\n",
             "source ", c.source_topic, " from ", static_cast<int>(c.starting_offsets), "\n",
             "event time ", c.event_time_column, " delay ", absl::FormatDuration(c.watermark_delay),
             " idle ", absl::FormatDuration(c.idle_timeout), "\n");
  Append(&text, "batch ", c.batch_rows, " rows ", c.batch_bytes, " bytes ",
         absl::FormatDuration(c.batch_age), "\n", "limits record ", c.max_record_bytes, " raw ",
         c.max_raw_bytes, " key ", c.max_key_bytes, " depth ", c.max_depth, "\n");
  Append(&text, "internal retention ", absl::FormatDuration(c.internal_retention), " replicas ",
         c.replication_factor, " punctuation ", absl::FormatDuration(c.punctuation_interval), "\n");
  Append(&text, "metrics per ",
         c.quality_window.records == 0 ? absl::FormatDuration(c.quality_window.event_time)
                                       : Concat(c.quality_window.records),
         "\n");
  if (c.breaker)
    Append(&text, "breaker ", c.breaker->max_failure_rate, " of ", c.breaker->window, "\n");
  if (!c.postgres.has_value()) return text;
  const PostgresSinkConfig& p = *c.postgres;
  Append(&text, "postgres ", p.name, " schema ", p.schema, " tables ", p.clean_table, " ",
         p.failed_table, " ", p.corrupt_table, " ", p.audit_view, "\n", "partition by ",
         p.partition_column, " every ", absl::FormatDuration(p.partition_interval), "\n");
  Append(&text, "commit ", p.commit_rows, " rows ", p.commit_bytes, " bytes ",
         absl::FormatDuration(p.commit_age), "\n");
  return text;
}

TEST(Pipeline, TextCases) {
  const auto files = CaseFiles("tests/data/pipelines", ".yaml");
  ASSERT_GE(files.size(), 6u);
  for (const auto& file : files) {
    auto pipeline = LoadPipeline(file.string());
    EXPECT_TRUE(pipeline.ok() || absl::IsInvalidArgument(pipeline.status()));
    ExpectCase(file, pipeline.ok() ? Describe(*pipeline)
                                   : std::string(pipeline.status().message()) + "\n");
  }
}

TEST(Pipeline, LoadsAFolder) {
  auto pipeline = LoadPipeline("pipelines/telemetry");
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  EXPECT_EQ(pipeline->folder, "pipelines/telemetry");
  EXPECT_EQ(pipeline->contract_path, "pipelines/telemetry/contract.odcs.yaml");
  EXPECT_EQ(pipeline->InternalTopic("validated"), "sluice.telemetry.1.validated");
  EXPECT_EQ(pipeline->ConsumerGroup("postgres"), "sluice.telemetry.1.postgres");
  EXPECT_EQ(LoadPipeline("no/such/folder").status().code(), absl::StatusCode::kNotFound);
}

TEST(Pipeline, IsCheckedAgainstItsContract) {
  auto pipeline = LoadPipeline("pipelines/telemetry");
  auto contract = LoadContract("pipelines/telemetry/contract.odcs.yaml");
  ASSERT_TRUE(pipeline.ok() && contract.ok());
  EXPECT_TRUE(CheckPipeline(*pipeline, **contract).ok());
  pipeline->event_time_column = "event_timestmp";
  pipeline->postgres->partition_column = "car_id";
  const std::string message(CheckPipeline(*pipeline, **contract).message());
  EXPECT_THAT(
      message,
      HasSubstr(
          "no column \"event_timestmp\"; did you mean \"event_timestamp\"? [unknown-column]"));
  EXPECT_THAT(message, HasSubstr("column \"car_id\" must be a date or a timestamp"));
}

TEST(Pipeline, ABatchHasABoundedNumberOfResults) {
  auto pipeline = LoadPipeline("tests/data/pipelines/window_of_time.yaml");
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  Contract contract;
  contract.columns.resize(1);
  contract.columns[0].name = "at";
  contract.columns[0].type = LogicalType::kTimestamp;
  contract.metrics.resize(64);
  EXPECT_TRUE(CheckPipeline(*pipeline, contract).ok());
  contract.metrics.resize(65);
  EXPECT_THAT(std::string(CheckPipeline(*pipeline, contract).message()),
              HasSubstr("window_of_time.yaml:6:19: error: \"quality.window\" is of event time, and "
                        "each record of a batch may close a window with 65 metrics; lower "
                        "\"batch.rows\" to 4032 [invalid-value]"));
  pipeline->batch_rows = 4032;
  EXPECT_TRUE(CheckPipeline(*pipeline, contract).ok());
}

TEST(Pipeline, ColumnsMayBeInObjects) {
  auto pipeline = LoadPipeline("tests/data/nested");
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  auto contract = LoadContract(pipeline->contract_path);
  ASSERT_TRUE(contract.ok()) << contract.status();
  EXPECT_TRUE(CheckPipeline(*pipeline, **contract).ok());
  pipeline->max_depth = 3;
  EXPECT_THAT(std::string(CheckPipeline(*pipeline, **contract).message()),
              HasSubstr("a record of the contract is nested 4 deep"));
  pipeline->event_time_column = "meta";
  EXPECT_THAT(std::string(CheckPipeline(*pipeline, **contract).message()),
              HasSubstr("no column \"meta\""));
}

TEST(Pipeline, FreshnessIsOfTheEventTime) {
  auto pipeline = LoadPipeline("pipelines/telemetry");
  auto contract = LoadContract("pipelines/telemetry/contract.odcs.yaml");
  ASSERT_TRUE(pipeline.ok() && contract.ok());
  Contract promising = **contract;
  for (const char* column : {"event_timestamp", ""}) {
    promising.freshness = Freshness{absl::Minutes(5), promising.FindColumn(column)};
    EXPECT_TRUE(CheckPipeline(*pipeline, promising).ok()) << column;
  }
  promising.freshness->column_index = promising.FindColumn("trip_start_time");
  EXPECT_THAT(
      std::string(CheckPipeline(*pipeline, promising).message()),
      ::testing::ContainsRegex("pipeline.yaml:[0-9]+:[0-9]+: error: \"event_time.column\" must be "
                               "\"trip_start_time\""));
}

// To write the table again: replace it in README.md by what this test prints.
TEST(Pipeline, TheReadmeHasEveryKey) {
  const std::string table = PipelineKeysAsMarkdown();
  EXPECT_THAT(table, HasSubstr("| `source.kafka.topic` * | a topic |"));
  EXPECT_THAT(ReadAll("libs/contract/README.md"), HasSubstr(table)) << table;
}

TEST(Duration, ReadsBothSpellings) {
  const std::pair<const char*, absl::Duration> good[] = {
      {"10ms", absl::Milliseconds(10)},
      {"10m", absl::Minutes(10)},
      {"1h30m", absl::Minutes(90)},
      {"10 minutes", absl::Minutes(10)},
      {"1 day", absl::Hours(24)},
      {"1.5h", absl::Minutes(90)},
      {"7d", absl::Hours(168)},
      {"2 weeks", absl::Hours(336)},
      {" 5 s ", absl::Seconds(5)},
      {"0", absl::ZeroDuration()},
      {"250 us", absl::Microseconds(250)},
      {"1 hour 30 minutes", absl::Minutes(90)},
  };
  for (const auto& [text, value] : good) {
    auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, value) << text;
  }
  for (const char* bad :
       {"", "10", "m", "10 x", "-5s", "1..5s", "5 s s", "1e3s", "99999999999999999999s",
        "200000 days", "ten minutes", "1month", "5 min"}) {
    EXPECT_EQ(ParseDuration(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Bytes, ReadsBinaryUnits) {
  EXPECT_EQ(*ParseBytes("65536"), 65536);
  EXPECT_EQ(*ParseBytes("64 KiB"), 65536);
  EXPECT_EQ(*ParseBytes("1MiB"), 1 << 20);
  EXPECT_EQ(*ParseBytes("2GiB"), int64_t{2} << 30);
  for (const char* bad : {"", "KiB", "1 MB", "-1", "1.5 MiB", "99999999999 GiB"})
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
}

TEST(Environment, Expands) {
  setenv("SLUICE_TEST_SET", "va$lue", 1);
  setenv("SLUICE_TEST_EMPTY", "", 1);
  unsetenv("SLUICE_TEST_UNSET");
  const std::pair<const char*, const char*> good[] = {
      {"plain", "plain"},
      {"a${SLUICE_TEST_SET}b", "ava$lueb"},  // not replaced again
      {"${SLUICE_TEST_UNSET:-x:-y}", "x:-y"},
      {"${SLUICE_TEST_EMPTY:-d}${SLUICE_TEST_EMPTY}", "d"},
      {"${SLUICE_TEST_SET:-d}", "va$lue"},
      {"$$5 $${x}", "$5 ${x}"},
  };
  for (const auto& [text, value] : good) EXPECT_EQ(*ExpandEnvironment(text), value) << text;
  for (const char* bad :
       {"$", "$x", "${", "${SLUICE_TEST_UNSET}", "${}", "${1x}", "${a-b}", "x${SLUICE_TEST_SET"}) {
    EXPECT_FALSE(ExpandEnvironment(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace sluice::contract
