#include "storage_writer/postgres_sink.h"

#include <gmock/gmock.h>

#include <limits>

#include "storage_writer/postgres_sink_fixture_for_test.h"

namespace sluice::storage_writer {
namespace {

using batch::Verdict;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using PostgresSinkTest = PostgresSinkFixture;

constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST_F(PostgresSinkTest, EveryVerdictLandsWhereItBelongs) {
  auto sink = ReadySink();
  SinkRow clean{.offset = 10,
                .broken_rules = {2},
                .key = "k10",
                .car = "VW",
                .trip = 1,
                .speed = 140,
                .day = kDay20240131};
  SinkRow failed{.offset = 11,
                 .verdict = Verdict::kFailed,
                 .broken_rules = {0, 1, 3},
                 .trip = 2,
                 .speed = 300,
                 .moving = true};
  SinkRow corrupt{.offset = 12,
                  .verdict = Verdict::kCorrupt,
                  .key = std::string("\0k", 2),
                  .reason = batch::Reason::kInvalidJson,
                  .raw = "{oops \xff"};
  SinkRow filtered{.offset = 15, .verdict = Verdict::kFiltered, .broken_rules = {1}, .speed = 251};
  ASSERT_TRUE(sink->Append(Batch(10, 20,
                                 {clean,
                                  failed,
                                  corrupt,
                                  {.offset = 13, .verdict = Verdict::kDuplicate},
                                  {.offset = 14, .verdict = Verdict::kLate},
                                  filtered,
                                  {.offset = 18, .verdict = Verdict::kTombstone}}))
                  .code() == absl::StatusCode::kInternal)
      << "a first batch must begin at the origin";
  stage::AcceptedBatch batch = Batch(10, 20,
                                     {clean,
                                      failed,
                                      corrupt,
                                      {.offset = 13, .verdict = Verdict::kDuplicate},
                                      {.offset = 14, .verdict = Verdict::kLate},
                                      filtered,
                                      {.offset = 18, .verdict = Verdict::kTombstone}});
  batch.coverage.origin = 10;
  ASSERT_TRUE(sink->Append(std::move(batch)).ok());
  EXPECT_EQ(sink->pending_rows(), 7);
  EXPECT_GT(sink->pending_bytes(), 0);
  EXPECT_EQ(One("SELECT count(*) FROM good"), "0");
  const auto receipt = sink->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->rows, 3);
  EXPECT_EQ(receipt->rejected, 0);
  EXPECT_EQ(receipt->next.at(0), 20);
  EXPECT_EQ(sink->pending_rows(), 0);

  EXPECT_THAT(
      Rows("SELECT car, trip, speed, moving, day, at, message_key, kafka_partition, kafka_offset, "
           "qc_status, contract_id, "
           "failed_rules, load_timestamp BETWEEN now() - interval '1 minute' AND now() FROM good"),
      ElementsAre("VW|1|140|(null)|2024-01-31|(null)|k10|0|10|success|1|\\x04|t"));
  EXPECT_THAT(
      Rows("SELECT car, trip, speed, moving, qc_status, qc_summary, message_key, kafka_offset, "
           "failed_rules FROM bad"),
      ElementsAre(
          "(null)|2|300|t|fail|car null, speed > 250, moving without speed|(null)|11|\\x0b"));
  EXPECT_THAT(
      Rows("SELECT message_key, kafka_offset, value_str, error_reason, raw, raw_length, "
           "length(raw_sha256), record_timestamp "
           "FROM broken"),
      ElementsAre(
          "\\x006b|12|{oops \\xff|invalid_json|\\x7b6f6f707320ff|7|32|2023-11-14 22:13:20.012+00"));
  EXPECT_THAT(
      Rows("SELECT kafka_offset, rule_id, column_name, offending_value, reason, verdict FROM "
           "sluice.cell_failures ORDER BY 1, 2"),
      ElementsAre("10|speed_high|speed|140|speed > 130|clean",
                  "11|car_required|car|(null)|car null|failed",
                  "11|moving_speed|(null)|moving = true, speed = 300|moving without speed|failed",
                  "11|speed_max|speed|300|speed > 250|failed",
                  "15|speed_max|speed|251|speed > 250|filtered"));
  EXPECT_THAT(Rows("SELECT first_offset, next_offset, records_read, clean, failed, corrupt, "
                   "duplicate, late, filtered, tombstone, lost, "
                   "rejected, rows_clean, rows_failed, rows_corrupt, rows_cell_failures, "
                   "rule_failures, contract_id, epoch, instance "
                   "FROM sluice.ledger"),
              ElementsAre("10|20|7|1|1|1|1|1|1|1|0|0|1|1|1|5|{1,2,1,1}|1|1|a"));
  EXPECT_THAT(Rows("SELECT topic, partition, topic_id, origin, next_offset, epoch, hint, instance "
                   "FROM sluice.coverage"),
              ElementsAre("raw|0|id-1|10|20|1|1|a"));
  EXPECT_THAT(
      Rows("SELECT rule_id, records_checked, violations FROM sluice.rule_results ORDER BY 1"),
      ElementsAre("car_required|3|1", "moving_speed|3|1", "speed_high|3|1", "speed_max|3|2"));
  // Records without a row in a table are not in the audit either.
  EXPECT_THAT(
      Rows("SELECT trip, column_name, passed, fail_reason, kafka_offset FROM audit ORDER BY 5, 2"),
      ElementsAre("1|(row)|t|(null)|10", "1|car|t|(null)|10", "1|speed|f|speed > 130|10",
                  "2|(row)|f|moving without speed|11", "2|car|f|car null|11",
                  "2|speed|f|speed > 250|11"));
}

TEST_F(PostgresSinkTest, ResultsOfMetricsLandWithTheBatchThatEndsTheirWindow) {
  using contract::Metric;
  using Operator = contract::Threshold::Operator;
  contract_->metrics = {{"few",
                         "nullValues",
                         "speed",
                         2,
                         "error",
                         "completeness",
                         contract::Expression{},
                         {},
                         Metric::Unit::kPercent,
                         {Operator::kLess, 1.0 / 3, 0}},
                        {"enough",
                         "rowCount",
                         "",
                         -1,
                         "warning",
                         "completeness",
                         std::nullopt,
                         {},
                         Metric::Unit::kRows,
                         {Operator::kBetween, 5, 10}}};
  const std::string all =
      "SELECT next_offset, rule_id, first_offset, contract_id, metric, column_name, severity, "
      "records_read, records_checked, records_counted, value, unit, threshold, passed, partition "
      "FROM sluice.metric_results ORDER BY 1, 2";
  auto sink = ReadySink();
  stage::AcceptedBatch batch = CleanBatch(4, 25);
  batch.coverage.origin = 4;
  batch.coverage.open_window.size = 10;
  batch.coverage.closed_windows = {{{4, 10}, 6, 6, {0, 6}}, {{10, 20}, 9, 6, {2, 6}}};
  ASSERT_TRUE(sink->Append(batch).ok());
  EXPECT_THAT(Rows(all), IsEmpty());
  ASSERT_TRUE(sink->Commit().ok());
  const auto first = {
      "10|enough|4|1|rowCount|(null)|warning|6|6|6|6|rows|mustBeBetween: [5, 10]|(null)|0",
      "10|few|4|1|nullValues|speed|error|6|6|0|0|percent|mustBeLessThan: "
      "0.333333333333333|(null)|0",
      "20|enough|10|1|rowCount|(null)|warning|9|6|6|6|rows|mustBeBetween: [5, 10]|t|0",
      "20|few|10|1|nullValues|speed|error|9|6|2|33.333333333333336|percent|mustBeLessThan: "
      "0.333333333333333|f|0"};
  EXPECT_THAT(Rows(all), ElementsAreArray(first));

  // One whose partition was taken over stores nothing, and does not trip over the other's.
  batch = CleanBatch(25, 31);
  batch.coverage.open_window.size = 10;
  batch.coverage.closed_windows = {{{20, 30}, 10, 10, {10, 10}}};
  ASSERT_TRUE(sink->Append(batch).ok());
  auto other = ReadySink("b");
  EXPECT_EQ(CommitStatus(*sink).code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Rows(all), ElementsAreArray(first));
  ASSERT_TRUE(other->Append(batch).ok());
  ASSERT_TRUE(other->Commit().ok());
  EXPECT_EQ(One("SELECT count(*) FROM sluice.metric_results"), "6");
  ASSERT_TRUE(sink->TakeOver("raw", 0).ok());

  // A loss has no rows, and ends a window all the same.
  batch = Batch(31, 50, {});
  batch.coverage.lost = true;
  batch.coverage.counts = {};
  batch.coverage.counts[static_cast<size_t>(Verdict::kLost)] = 19;
  batch.coverage.open_window.size = 10;
  batch.coverage.closed_windows = {{{30, 40}, 1, 1, {1, 1}}};
  ASSERT_TRUE(sink->Append(batch).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(One("SELECT count(*) FROM sluice.metric_results"), "8");
  EXPECT_EQ(One("SELECT contract_id FROM sluice.ledger WHERE lost > 0"), "(null)");
}

TEST_F(PostgresSinkTest, ResultsOfWindowsOfEventTimeSayWhenItWas) {
  using contract::Metric;
  using Operator = contract::Threshold::Operator;
  contract_->metrics = {{"enough",
                         "rowCount",
                         "",
                         -1,
                         "warning",
                         "completeness",
                         std::nullopt,
                         {},
                         Metric::Unit::kRows,
                         {Operator::kGreaterOrEqual, 5, 0}}};
  constexpr int64_t kMinute = 60'000'000;
  auto sink = ReadySink();
  stage::AcceptedBatch batch = CleanBatch(4, 25);
  batch.coverage.origin = 4;
  batch.coverage.open_window.time = {kMinute, 0, "at", 9 * kMinute, kMinute, {}};
  // Three that one record closes: the first in part, the last before the epoch ends at year 9999.
  const int64_t last = 253'402'300'740'000'000;
  batch.coverage.closed_windows = {
      {{4, 20}, 6, 6, {6}, 0}, {{5, 20}, 9, 6, {4}, kMinute, 3}, {{7, 20}, 9, 5, {5}, last}};
  ASSERT_TRUE(sink->Append(batch).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(
      Rows("SELECT first_offset, next_offset, window_start AT TIME ZONE 'UTC', window_end - "
           "window_start, records_read, records_counted, records_late, passed "
           "FROM sluice.metric_results ORDER BY 1"),
      ElementsAre("4|20|1970-01-01 00:00:00|00:01:00|6|6|0|(null)",
                  "5|20|1970-01-01 00:01:00|00:01:00|9|4|3|f",
                  "7|20|9999-12-31 23:59:00|00:01:00|9|5|0|t"));
}

TEST_F(PostgresSinkTest, AuditOfCleanRowsIsAllPasses) {
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 100)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(One("SELECT count(*) FROM audit WHERE passed AND fail_reason IS NULL"), "300");
  // A failed row without its bits is no pass.
  Run("INSERT INTO bad (trip, qc_status, load_timestamp, kafka_partition, kafka_offset, "
      "contract_id) VALUES (7, 'fail', now(), 0, 1, 1)");
  EXPECT_THAT(
      Rows("SELECT DISTINCT passed, fail_reason FROM audit WHERE trip = 7 AND qc_status = 'fail'"),
      ElementsAre("(null)|no detail"));
}

TEST_F(PostgresSinkTest, ValuesArriveExactly) {
  auto sink = ReadySink();
  const std::vector<std::string> strings = {"",    " ",        "'\"\\,;|",         "a\nb\tc\r",
                                            "\\N", "\x01\x7f", "ünï🚗\xe2\x80\xa8", "<script>"};
  std::vector<SinkRow> rows;
  for (size_t i = 0; i < strings.size(); ++i) {
    rows.push_back({.offset = static_cast<int64_t>(i),
                    .key = strings[i],
                    .car = strings[i],
                    .day = kDay20240131});
  }
  rows[0].speed = std::numeric_limits<double>::quiet_NaN();
  rows[1].speed = std::numeric_limits<double>::infinity();
  rows[2].speed = -0.0;
  rows[3].speed = std::numeric_limits<double>::denorm_min();
  rows[4].trip = std::numeric_limits<int32_t>::min();
  rows[5].at = -1;                       // just before 1970
  rows[6].at = 253'402'300'799'999'999;  // the last microsecond of 9999
  rows[7].day = 2'932'896;               // 9999-12-31
  ASSERT_TRUE(sink->Append(Batch(0, 8, rows)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  const postgres::Result stored = Run("SELECT car, message_key FROM good ORDER BY kafka_offset");
  for (size_t i = 0; i < strings.size(); ++i) {
    EXPECT_EQ(stored.Text(static_cast<int>(i), 0), strings[i]);
    EXPECT_EQ(stored.Text(static_cast<int>(i), 1), strings[i]);
  }
  EXPECT_THAT(Rows("SELECT speed FROM good ORDER BY kafka_offset LIMIT 4"),
              ElementsAre("NaN", "Infinity", "-0", "5e-324"));
  EXPECT_EQ(One("SELECT trip FROM good WHERE kafka_offset = 4"), "-2147483648");
  EXPECT_EQ(One("SELECT at FROM good WHERE kafka_offset = 5"), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(One("SELECT at FROM good WHERE kafka_offset = 6"), "9999-12-31 23:59:59.999999+00");
  EXPECT_EQ(One("SELECT day FROM good WHERE kafka_offset = 7"), "9999-12-31");
}

TEST_F(PostgresSinkTest, WritesTheTypesThatThePhysicalTypeAsksFor) {
  contract_->columns[0].physical_type = "uuid";
  contract_->columns[1].physical_type = "numeric(12,2)";
  contract_->columns[2].physical_type = "numeric";
  contract_->columns[5].physical_type = "timestamp";
  auto sink = ReadySink();
  SinkRow row{.car = "0a0b0c0d-0000-4000-8000-0123456789ab",
              .trip = -123456,
              .speed = 1234.0625,
              .day = kDay20240131,
              .at = 1'706'700'000'000'001};
  ASSERT_TRUE(sink->Append(Batch(0, 1, {row})).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(
      Rows("SELECT car, trip, speed, at FROM good"),
      ElementsAre(
          "0a0b0c0d-0000-4000-8000-0123456789ab|-123456.00|1234.0625|2024-01-31 11:20:00.000001"));
}

TEST_F(PostgresSinkTest, ARefusedRowBecomesADeadLetterAndItsNeighboursLand) {
  auto sink = ReadySink();
  std::vector<SinkRow> rows = CleanRows(0, 200);
  rows[0].car = std::string("nul\0", 4);               // 22021
  rows[77].trip = int64_t{1} << 40;                    // 22P03: wider than integer
  rows[199].at = std::numeric_limits<int64_t>::min();  // 22008
  rows[199].key = std::string("\0\1", 2);
  rows[50] = {.offset = 50,
              .verdict = Verdict::kFailed,
              .broken_rules = {1},
              .car = std::string("\0", 1),
              .speed = 300};
  ASSERT_TRUE(sink->Append(Batch(0, 150, {rows.begin(), rows.begin() + 150})).ok());
  ASSERT_TRUE(sink->Append(Batch(150, 200, {rows.begin() + 150, rows.end()})).ok());
  const auto receipt = sink->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->rejected, 4);
  EXPECT_EQ(receipt->rows, 196);
  EXPECT_EQ(One("SELECT count(*) FROM good"), "196");
  EXPECT_EQ(One("SELECT count(*) FROM bad"), "0");
  EXPECT_THAT(Rows("SELECT kafka_offset, target, sql_state, verdict, state, message_key FROM "
                   "sluice.dead_letters ORDER BY 1"),
              ElementsAre("0|\"public\".\"good\"|22021|clean|new|(null)",
                          "50|\"public\".\"bad\"|22021|failed|new|(null)",
                          "77|\"public\".\"good\"|22P03|clean|new|(null)",
                          "199|\"public\".\"good\"|22008|clean|new|\\x0001"));
  EXPECT_THAT(One("SELECT record FROM sluice.dead_letters WHERE kafka_offset = 77"),
              testing::HasSubstr("\"trip\":1099511627776"));
  EXPECT_THAT(Rows("SELECT records_read, clean, failed, rejected, rows_clean, rows_failed FROM "
                   "sluice.ledger"),
              ElementsAre("200|199|1|4|196|0"));
  // The stream goes on.
  ASSERT_TRUE(sink->Append(CleanBatch(200, 210)).ok());
  EXPECT_TRUE(sink->Commit().ok());
}

TEST_F(PostgresSinkTest, AConstraintCheckedAtCommitNamesItsRowToo) {
  pipeline_.postgres->partition_column.clear();
  auto sink = ReadySink();
  Run("ALTER TABLE good ADD UNIQUE (trip) DEFERRABLE INITIALLY DEFERRED");
  std::vector<SinkRow> rows = CleanRows(0, 20);
  rows[13].trip = 12;
  ASSERT_TRUE(sink->Append(Batch(0, 20, rows)).ok());
  const auto receipt = sink->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->rejected, 1);
  EXPECT_THAT(Rows("SELECT kafka_offset, sql_state FROM sluice.dead_letters"),
              ElementsAre("13|23505"));
}

TEST_F(PostgresSinkTest, ATriggerThatDropsRowsIsFoundOut) {
  auto sink = ReadySink();
  Run("CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
      "CREATE TRIGGER t BEFORE INSERT ON bad FOR EACH ROW EXECUTE FUNCTION drop_row()");
  ASSERT_TRUE(sink->Append(Batch(0, 1, {{.verdict = Verdict::kFailed, .broken_rules = {0}}})).ok());
  EXPECT_EQ(CommitStatus(*sink).code(), kPrecondition);
  EXPECT_EQ(One("SELECT next_offset FROM sluice.coverage"), "(null)");
}

TEST_F(PostgresSinkTest, PartitionsAreMadeAsNeeded) {
  options_.stream_at_bytes =
      0;  // every batch into the open COPY: a new day then begins the transaction again
  auto sink = ReadySink();
  std::vector<SinkRow> rows = CleanRows(0, 10);
  rows[3].day = std::nullopt;
  rows[4].day = kDay20240131 + 3;     // near a known day
  rows[5].day = kDay20240131 - 4000;  // alone, far away
  rows[6].day = 2'932'896;            // 9999
  rows[7].day = -700'000;             // 53
  ASSERT_TRUE(sink->Append(Batch(0, 10, rows)).ok());
  std::vector<SinkRow> next_day = CleanRows(10, 20);
  for (SinkRow& row : next_day) row.day = kDay20240131 + 1;
  ASSERT_TRUE(sink->Append(Batch(10, 20, next_day)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(
      Rows("SELECT tableoid::regclass::text, count(*) FROM good GROUP BY 1 ORDER BY 1"),
      ElementsAre("good_default|4", "good_p20240131|5", "good_p20240201|10", "good_p20240203|1"));

  // Enough rows of a distant day make it known; but where rows of that day lie in the default
  // partition, they stay together.
  std::vector<SinkRow> distant = CleanRows(20, 270);
  for (SinkRow& row : distant) row.day = kDay20240131 - (row.offset < 145 ? 4000 : 3000);
  auto other = ReadySink("b");  // does not remember what "a" decided
  ASSERT_TRUE(other->Append(Batch(20, 270, distant)).ok());
  ASSERT_TRUE(other->Commit().ok());
  EXPECT_THAT(Rows("SELECT tableoid::regclass::text, count(*) FROM good WHERE kafka_offset >= 20 "
                   "GROUP BY 1 ORDER BY 1"),
              ElementsAre("good_default|125", "good_p20151114|125"));
}

TEST_F(PostgresSinkTest, APartitionGetsTheConstraintsOfItsTable) {
  auto sink = ReadySink();
  Run("ALTER TABLE good ADD CONSTRAINT odd CHECK (kafka_offset % 2 = 1) NOT VALID");
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(One("SELECT count(*) FROM good_p20240131"), "5");
  EXPECT_EQ(One("SELECT count(*) FROM sluice.dead_letters"), "5");
}

TEST_F(PostgresSinkTest, TimestampsPartitionByHours) {
  pipeline_.postgres->partition_column = "at";
  pipeline_.postgres->partition_interval = absl::Hours(6);
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 5)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(One("SELECT DISTINCT tableoid::regclass FROM good"), "good_p20240131_06");
}

TEST_F(PostgresSinkTest, ANewContractBringsItsColumnInTheMiddleOfACommit) {
  options_.stream_at_bytes = 0;
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  const auto old_contract = contract_;
  contract_ = ContractForSinkTest();
  contract_->version = "1.1.0";
  contract_->content_hash = std::string(64, 'b');
  contract_->columns.emplace_back();
  contract_->columns.back().name = "driver";
  std::vector<SinkRow> rows = CleanRows(10, 15);
  for (SinkRow& row : rows) row.extra = "Ann";
  ASSERT_TRUE(sink->Append(Batch(10, 15, rows)).ok());
  ASSERT_TRUE(sink->Append(BatchForSinkTest(old_contract, 0, 15, 20, CleanRows(15, 20)))
                  .ok());  // a late emitter yields later
  const auto receipt = sink->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_THAT(Rows("SELECT contract_id, driver, count(*) FROM good GROUP BY 1, 2 ORDER BY 1"),
              ElementsAre("1|(null)|15", "2|Ann|5"));
  EXPECT_THAT(
      Rows("SELECT first_offset, next_offset, contract_id, clean FROM sluice.ledger ORDER BY 1"),
      ElementsAre("0|10|1|10", "10|15|2|5", "15|20|1|5"));
  EXPECT_EQ(One("SELECT count(*) FROM sluice.contract_rules"), "8");
}

TEST_F(PostgresSinkTest, LostRangesAndEmptyBatches) {
  auto sink = ReadySink();
  stage::AcceptedBatch empty = Batch(5, 5, {});
  empty.coverage.origin = 5;
  ASSERT_TRUE(sink->Append(std::move(empty)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(Rows("SELECT origin, next_offset FROM sluice.coverage"), ElementsAre("5|5"));
  EXPECT_EQ(One("SELECT count(*) FROM sluice.ledger"), "0");

  stage::AcceptedBatch lost;
  lost.coverage = Batch(5, 50, {}).coverage;
  lost.coverage.lost = true;
  lost.coverage.counts[static_cast<size_t>(Verdict::kLost)] = 45;
  ASSERT_TRUE(sink->Append(std::move(lost)).ok());
  ASSERT_TRUE(sink->Append(CleanBatch(50, 52)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(Rows("SELECT first_offset, next_offset, records_read, lost, clean FROM sluice.ledger "
                   "ORDER BY 1"),
              ElementsAre("5|50|0|45|0", "50|52|2|0|2"));
}

TEST_F(PostgresSinkTest, DefectsUpstreamDoNotReachTheLedger) {
  auto sink = ReadySink();
  const auto code = [&](stage::AcceptedBatch batch) {
    return sink->Append(std::move(batch)).code();
  };
  stage::AcceptedBatch miscounted = CleanBatch(0, 5);
  ++miscounted.coverage.counts[static_cast<size_t>(Verdict::kClean)];
  EXPECT_EQ(code(std::move(miscounted)), absl::StatusCode::kInternal);
  EXPECT_EQ(code(Batch(0, 5, CleanRows(0, 6))),
            absl::StatusCode::kInternal);  // a row beyond the range
  EXPECT_EQ(code(Batch(0, 5, {{.verdict = Verdict::kValid}})),
            absl::StatusCode::kInternal);                          // unjudged
  EXPECT_EQ(code(CleanBatch(1, 5)), absl::StatusCode::kInternal);  // a hole
  EXPECT_EQ(code(BatchForSinkTest(contract_, 3, 0, 5, CleanRows(0, 5))),
            absl::StatusCode::kInternal);  // not held
  ASSERT_TRUE(sink->Append(CleanBatch(0, 5)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  stage::AcceptedBatch other_log = CleanBatch(5, 6);
  other_log.coverage.topic_id = "id-2";
  EXPECT_EQ(code(std::move(other_log)), absl::StatusCode::kDataLoss);
}

TEST_F(PostgresSinkTest, PrepareIsIdempotentAndNeedsNoRightsWhenNothingIsMissing) {
  ASSERT_TRUE(NewSink()->Prepare(*contract_).ok());
  Run("CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA sluice, public TO plain;"
      "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA sluice, public TO plain;"
      "GRANT USAGE ON ALL SEQUENCES IN SCHEMA sluice TO plain");
  const size_t user = url_.find("tester@");
  url_.replace(user, 7, "plain@");
  auto sink = NewSink();
  const absl::Status status = sink->Prepare(*contract_);
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_TRUE(sink->TakeOver("raw", 0).ok());
  Run("CREATE TABLE good_p20240131 PARTITION OF good FOR VALUES FROM ('2024-01-31') TO "
      "('2024-02-01')");
  ASSERT_TRUE(sink->Append(CleanBatch(0, 5)).ok());
  const auto receipt = sink->Commit();
  EXPECT_TRUE(receipt.ok()) << receipt.status();
  // What it may not do stops it, by name.
  contract_->content_hash = std::string(64, 'c');
  contract_->columns.emplace_back();
  contract_->columns.back().name = "driver";
  EXPECT_EQ(sink->Prepare(*contract_).code(), kPrecondition);
}

TEST_F(PostgresSinkTest, PrepareRefusesWhatDoesNotFit) {
  ASSERT_TRUE(NewSink()->Prepare(*contract_).ok());
  // Another pipeline, another generation, or another role for the same table.
  pipeline_.generation = 2;
  absl::Status status = NewSink()->Prepare(*contract_);
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("belongs to pipeline test, generation 1"));
  pipeline_.generation = 1;
  contract_->content_hash = std::string(64, 'b');
  contract_->columns[2].type = contract::LogicalType::kString;
  status = NewSink()->Prepare(*contract_);
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("column speed of \"public\".\"good\" is double precision"));
  contract_ = ContractForSinkTest();
  Run("ALTER TABLE good ADD must_have int; ALTER TABLE good ALTER must_have SET NOT NULL");
  EXPECT_EQ(NewSink()->Prepare(*contract_).code(), kPrecondition);
  Run("ALTER TABLE good ALTER must_have SET DEFAULT 0");
  EXPECT_TRUE(NewSink()->Prepare(*contract_).ok());
  pipeline_.postgres->partition_column.clear();
  EXPECT_EQ(NewSink()->Prepare(*contract_).code(), kPrecondition);
  Run("DROP SCHEMA sluice CASCADE");
  status = NewSink()->Prepare(*contract_);
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("sluicectl migrate"));
}

TEST_F(PostgresSinkTest, UsesAnExistingWiderTable) {
  Run("CREATE TABLE good (note text, trip bigint, car varchar(30), day date) PARTITION BY RANGE "
      "(day);"
      "CREATE TABLE good_default PARTITION OF good DEFAULT");
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 5)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_THAT(Rows("SELECT trip, car, speed, qc_status FROM good WHERE kafka_offset = 1"),
              ElementsAre("1|car-1|50.5|success"));
}

}  // namespace
}  // namespace sluice::storage_writer
