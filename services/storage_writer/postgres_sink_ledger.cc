#include "storage_writer/postgres_sink_ledger.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_replace.h"
#include "base/fault_point.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/row_json.h"
#include "storage_writer/copy_encoder_text.h"

namespace sluice::storage_writer {
namespace {

using batch::Verdict;

// All in one statement. `held` locks the coverage rows in (topic, partition) order, so that two
// owners of many partitions cannot wait for each other; the ledger is written for held partitions
// only, so that a fenced owner does not trip over the entries of its successor; and the number of
// updated rows decides.
constexpr const char* kAccountSql = R"(
WITH wanted AS (
  SELECT * FROM jsonb_to_recordset($6::jsonb) AS w(topic text, partition integer, epoch bigint, expected bigint, next_offset bigint,
    origin bigint, topic_id text, hint bigint)
), held AS (
  SELECT c.topic, c.partition FROM sluice.coverage c JOIN wanted w ON c.topic = w.topic AND c.partition = w.partition
  WHERE c.pipeline = $1 AND c.generation = $2::integer AND c.sink = $3 AND c.epoch = w.epoch
    AND c.next_offset IS NOT DISTINCT FROM w.expected
  ORDER BY c.topic, c.partition FOR UPDATE OF c
), entries AS (
  INSERT INTO sluice.ledger (pipeline, generation, sink, topic, partition, first_offset, next_offset, records_read, clean, failed,
    corrupt, duplicate, late, filtered, tombstone, lost, rejected, rows_clean, rows_failed, rows_corrupt, rows_cell_failures,
    rule_failures, contract_id, epoch, instance, newest_record_at)
  SELECT $1, $2::integer, $3, e.topic, e.partition, e.first_offset, e.next_offset,
    e.clean + e.failed + e.corrupt + e.duplicate + e.late + e.filtered + e.tombstone, e.clean, e.failed,
    e.corrupt, e.duplicate, e.late, e.filtered, e.tombstone, e.lost, e.rejected, e.rows_clean, e.rows_failed, e.rows_corrupt,
    e.rows_cell_failures, e.rule_failures, e.contract_id, e.epoch, $4, to_timestamp(e.newest_ms / 1000.0)
  FROM jsonb_to_recordset($5::jsonb) AS e(topic text, partition integer, first_offset bigint, next_offset bigint, clean bigint,
    failed bigint, corrupt bigint, duplicate bigint, late bigint, filtered bigint, tombstone bigint, lost bigint, rejected bigint,
    rows_clean bigint, rows_failed bigint, rows_corrupt bigint, rows_cell_failures bigint, rule_failures bigint[],
    contract_id integer, epoch bigint, newest_ms bigint)
    JOIN held h ON h.topic = e.topic AND h.partition = e.partition
), results AS (
  INSERT INTO sluice.metric_results (pipeline, generation, sink, topic, partition, next_offset, rule_id, first_offset, contract_id,
    metric, column_name, severity, dimension, records_read, records_checked, records_counted, value, unit, threshold, passed,
    window_start, window_end, records_late)
  SELECT $1, $2::integer, $3, r.topic, r.partition, r.next_offset, r.rule_id, r.first_offset, r.contract_id, r.metric,
    nullif(r.column_name, ''), r.severity, r.dimension, r.read, r.rows, r.counted, r.value, r.unit, r.threshold, r.passed,
    timestamptz 'epoch' + r.start_us / 1000000 * interval '1 second' + r.start_us % 1000000 * interval '1 microsecond',
    timestamptz 'epoch' + r.end_us / 1000000 * interval '1 second' + r.end_us % 1000000 * interval '1 microsecond', r.late
  FROM jsonb_to_recordset($7::jsonb) AS r(topic text, partition integer, next_offset bigint, rule_id text, first_offset bigint,
    contract_id integer, metric text, column_name text, severity text, dimension text, read bigint, rows bigint, counted bigint,
    value double precision, unit text, threshold text, passed boolean, start_us bigint, end_us bigint, late bigint)
    JOIN held h ON h.topic = r.topic AND h.partition = r.partition
)
UPDATE sluice.coverage c SET next_offset = w.next_offset, origin = coalesce(c.origin, w.origin),
  topic_id = coalesce(w.topic_id, c.topic_id), hint = w.hint, instance = $4, updated_at = clock_timestamp()
FROM wanted w JOIN held h ON h.topic = w.topic AND h.partition = w.partition
WHERE c.pipeline = $1 AND c.generation = $2::integer AND c.sink = $3 AND c.topic = w.topic AND c.partition = w.partition
  AND c.epoch = w.epoch AND c.next_offset IS NOT DISTINCT FROM w.expected)";

// One row of the ledger: neighbouring batches of one partition and one contract.
struct Entry {
  const batch::Coverage* coverage = nullptr;  // of the first batch
  int32_t contract_id = 0;                    // 0: none
  batch::Offset next = 0;
  int64_t newest_ms = -1;
  batch::Counts counts{};
  std::array<int64_t, tables::kTableRoles> rows{};
  int64_t rejected = 0;
  int64_t cell_failures = 0;
  std::vector<int64_t> rule_failures;
};

int32_t ContractId(const PendingBatch& pending) {
  return pending.tables == nullptr || pending.batch.coverage.lost ? 0 : pending.tables->contract_id;
}

std::map<int32_t, std::vector<Entry>> MakeEntries(const std::vector<PendingBatch>& all) {
  std::map<int32_t, std::vector<Entry>> entries;
  for (const PendingBatch& pending : all) {
    const batch::Coverage& coverage = pending.batch.coverage;
    if (coverage.range.empty()) continue;  // fixes the origin, accounts for nothing
    std::vector<Entry>& of_partition = entries[coverage.partition];
    if (of_partition.empty() || of_partition.back().contract_id != ContractId(pending) ||
        of_partition.back().coverage->lost != coverage.lost) {
      of_partition.emplace_back();
      of_partition.back().coverage = &coverage;
      of_partition.back().contract_id = ContractId(pending);
    }
    Entry& entry = of_partition.back();
    entry.next = coverage.range.next;
    entry.newest_ms = std::max(entry.newest_ms, coverage.newest_timestamp_ms);
    entry.counts += pending.counts;
    for (size_t i = 0; i < tables::kTableRoles; ++i) {
      entry.rows[i] += static_cast<int64_t>(pending.rows[i].size()) - pending.rejected[i];
    }
    entry.rejected += pending.rejected_count();
    entry.cell_failures += pending.cell_failures;
    if (entry.rule_failures.size() < pending.rule_failures.size())
      entry.rule_failures.resize(pending.rule_failures.size());
    for (size_t i = 0; i < pending.rule_failures.size(); ++i)
      entry.rule_failures[i] += pending.rule_failures[i];
  }
  return entries;
}

void AppendEntry(const Entry& entry, int64_t epoch, std::string* json) {
  const batch::Coverage& coverage = *entry.coverage;
  const auto count = [&](Verdict verdict) { return entry.counts[static_cast<size_t>(verdict)]; };
  Append(json, json->size() == 1 ? "" : ",", "{\"topic\":");
  batch::AppendJsonString(coverage.topic, json);
  Append(json, ",\"partition\":", coverage.partition, ",\"first_offset\":", coverage.range.first,
         ",\"next_offset\":", entry.next);
  for (const Verdict verdict :
       {Verdict::kClean, Verdict::kFailed, Verdict::kCorrupt, Verdict::kDuplicate, Verdict::kLate,
        Verdict::kFiltered, Verdict::kTombstone, Verdict::kLost}) {
    Append(json, ",\"", batch::Name(verdict), "\":", count(verdict));
  }
  Append(json, ",\"rejected\":", entry.rejected, ",\"rows_clean\":", entry.rows[0],
         ",\"rows_failed\":", entry.rows[1], ",\"rows_corrupt\":", entry.rows[2],
         ",\"rows_cell_failures\":", entry.cell_failures, ",\"epoch\":", epoch);
  if (entry.cell_failures > 0) {
    Append(json, ",\"rule_failures\":[");
    for (size_t i = 0; i < entry.rule_failures.size(); ++i)
      Append(json, i == 0 ? "" : ",", entry.rule_failures[i]);
    Append(json, "]");
  }
  if (entry.contract_id != 0) Append(json, ",\"contract_id\":", entry.contract_id);
  if (entry.newest_ms >= 0) Append(json, ",\"newest_ms\":", entry.newest_ms);
  Append(json, "}");
}

void AppendPosition(const HeldPartition& held, const PendingBatch& first, const PendingBatch& last,
                    std::string* json) {
  const batch::Coverage& coverage = last.batch.coverage;
  Append(json, json->size() == 1 ? "" : ",", "{\"topic\":");
  batch::AppendJsonString(held.topic, json);
  Append(json, ",\"partition\":", coverage.partition, ",\"epoch\":", held.epoch,
         ",\"next_offset\":", coverage.range.next, ",\"origin\":", first.batch.coverage.origin,
         ",\"hint\":", last.batch.internal_offset);
  if (held.next) Append(json, ",\"expected\":", *held.next);
  if (!coverage.topic_id.empty()) {
    Append(json, ",\"topic_id\":");
    batch::AppendJsonString(coverage.topic_id, json);
  }
  Append(json, "}");
}

void AppendText(std::string_view key, std::string_view text, std::string* json) {
  Append(json, ",\"", key, "\":");
  batch::AppendJsonString(VisibleText(text), json);
}

std::string ExactNumber(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", number);
  return text;
}

void AppendResults(const PendingBatch& pending, std::string* json) {
  const batch::Coverage& coverage = pending.batch.coverage;
  for (const batch::Window& closed : coverage.closed_windows) {
    for (size_t i = 0; i < closed.counted.size(); ++i) {
      const contract::Metric& metric = pending.batch.contract->metrics[i];
      const double value = metric.Value(closed.counted[i], closed.rows, closed.read);
      Append(json, json->size() == 1 ? "" : ",", "{\"partition\":", coverage.partition,
             ",\"first_offset\":", closed.range.first, ",\"next_offset\":", closed.range.next,
             ",\"contract_id\":", pending.tables->contract_id, ",\"read\":", closed.read,
             ",\"rows\":", closed.rows, ",\"counted\":", closed.counted[i],
             ",\"late\":", closed.late, ",\"value\":", ExactNumber(value));
      if (const auto& time = coverage.open_window.time)
        Append(json, ",\"start_us\":", closed.start_us,
               ",\"end_us\":", closed.start_us + time->size_us);
      if (coverage.IsJudged(closed, metric))
        Append(json, ",\"passed\":", metric.threshold.Holds(value) ? "true" : "false");
      AppendText("topic", coverage.topic, json);
      AppendText("rule_id", metric.id, json);
      AppendText("metric", metric.metric, json);
      AppendText("column_name", metric.column, json);
      AppendText("severity", metric.severity, json);
      AppendText("dimension", metric.dimension, json);
      AppendText("unit", metric.unit == contract::Metric::Unit::kRows ? "rows" : "percent", json);
      AppendText("threshold", metric.threshold.Text(), json);
      Append(json, "}");
    }
  }
}

}  // namespace

absl::Status Account(postgres::Connection& connection, const RowOrigin& origin,
                     const std::string& instance, const std::map<int32_t, HeldPartition>& held,
                     const std::vector<PendingBatch>& pending) {
  std::map<int32_t, std::pair<const PendingBatch*, const PendingBatch*>>
      ends;  // first and last batch of each partition
  for (const PendingBatch& batch : pending) {
    const auto [found, is_new] = ends.try_emplace(batch.batch.coverage.partition, &batch, &batch);
    if (!is_new) found->second.second = &batch;
  }
  std::string positions = "[";
  for (const auto& [partition, first_and_last] : ends) {
    const auto found = held.find(partition);
    if (found == held.end())
      return absl::AbortedError(Concat("partition ", partition, " is not held any more"));
    AppendPosition(found->second, *first_and_last.first, *first_and_last.second, &positions);
  }
  std::string entries = "[";
  for (const auto& [partition, of_partition] : MakeEntries(pending)) {
    for (const Entry& entry : of_partition) {
      if (SLUICE_MISTAKE("ledger_row_forgotten") && entry.coverage->range.first > 0) continue;
      AppendEntry(entry, held.at(partition).epoch, &entries);
    }
  }
  std::string results = "[";
  for (const PendingBatch& batch : pending) AppendResults(batch, &results);
  std::string sql = kAccountSql;
  if (SLUICE_MISTAKE("no_compare_and_set")) {
    absl::StrReplaceAll(
        {{"c.epoch = w.epoch", "true"}, {"c.next_offset IS NOT DISTINCT FROM w.expected", "true"}},
        &sql);
  }
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result result,
      connection.QueryPrepared(sql, {origin.pipeline, Concat(origin.generation), origin.sink,
                                     instance, entries + "]", positions + "]", results + "]"}));
  if (result.affected() == static_cast<int64_t>(ends.size())) return absl::OkStatus();
  return absl::AbortedError(Concat("another owner has taken over, or moved the position of, ",
                                   static_cast<int64_t>(ends.size()) - result.affected(), " of ",
                                   ends.size(), " partitions"));
}

}  // namespace sluice::storage_writer
