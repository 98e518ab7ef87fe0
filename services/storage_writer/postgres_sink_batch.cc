#include "storage_writer/postgres_sink_batch.h"

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/byte_size.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "rules/explanation.h"

namespace sluice::storage_writer {
namespace {

using batch::Verdict;

constexpr int64_t kResultBytes = 512;  // of a metric, on its way to PostgreSQL

absl::Status CheckSchema(const stage::AcceptedBatch& batch) {
  if (batch.contract == nullptr) return absl::InternalError("a batch with rows has no contract");
  const arrow::RecordBatch& rows = *batch.rows;
  const size_t fields = batch::kSystemColumns + batch.contract->columns.size();
  if (static_cast<size_t>(rows.num_columns()) != fields ||
      rows.column(batch::kOffset)->type_id() != arrow::Type::INT64 ||
      rows.column(batch::kVerdict)->type_id() != arrow::Type::UINT8 ||
      rows.column(batch::kFailedRules)->type_id() != arrow::Type::FIXED_SIZE_BINARY) {
    return absl::InternalError("the rows of a batch do not have the schema of its contract");
  }
  return absl::OkStatus();
}

// Sorts the rows by table and counts records: rows of one record follow each other.
absl::Status SortRows(PendingBatch* pending) {
  const arrow::RecordBatch& rows = *pending->batch.rows;
  const batch::Range& range = pending->batch.coverage.range;
  const int64_t* offsets =
      static_cast<const arrow::Int64Array&>(*rows.column(batch::kOffset)).raw_values();
  const uint8_t* verdicts =
      static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict)).raw_values();
  const auto& failed_rules =
      static_cast<const arrow::FixedSizeBinaryArray&>(*rows.column(batch::kFailedRules));
  const bool any_findings = failed_rules.null_count() != failed_rules.length();
  int64_t previous = -1;
  for (int32_t row = 0; row < static_cast<int32_t>(rows.num_rows()); ++row) {
    const auto verdict = static_cast<Verdict>(verdicts[row]);
    if (offsets[row] < range.first || offsets[row] >= range.next || offsets[row] < previous) {
      return absl::InternalError(Concat("a row lies outside of its batch: offset ", offsets[row],
                                        " in [", range.first, ", ", range.next, ")"));
    }
    switch (verdict) {
      case Verdict::kClean:
        pending->rows[static_cast<size_t>(tables::TableRole::kClean)].push_back(row);
        break;
      case Verdict::kFailed:
        pending->rows[static_cast<size_t>(tables::TableRole::kFailed)].push_back(row);
        break;
      case Verdict::kCorrupt:
        pending->rows[static_cast<size_t>(tables::TableRole::kCorrupt)].push_back(row);
        break;
      case Verdict::kDuplicate:
      case Verdict::kLate:
      case Verdict::kFiltered:
      case Verdict::kTombstone:
        break;
      default:
        return absl::InternalError(Concat("a row has no final verdict: offset ", offsets[row],
                                          ", verdict ", int{verdicts[row]}));
    }
    if (offsets[row] != previous) ++pending->counts[verdicts[row]];
    previous = offsets[row];
    const bool judged =
        verdict == Verdict::kClean || verdict == Verdict::kFailed || verdict == Verdict::kFiltered;
    if (any_findings && judged && !failed_rules.IsNull(row)) pending->findings.push_back(row);
  }
  return absl::OkStatus();
}

void CountRuleFailures(PendingBatch* pending) {
  if (pending->findings.empty()) return;
  const auto& failed_rules = static_cast<const arrow::FixedSizeBinaryArray&>(
      *pending->batch.rows->column(batch::kFailedRules));
  const size_t rules = pending->batch.contract->rules.size();
  pending->rule_failures.assign(rules, 0);
  for (const int32_t row : pending->findings) {
    const std::string_view bits = failed_rules.GetView(row);
    for (size_t rule = 0; rule < rules; ++rule) {
      if (!rules::IsBroken(bits, static_cast<int>(rule))) continue;
      ++pending->rule_failures[rule];
      ++pending->cell_failures;
    }
  }
}

void CountBuckets(const contract::PostgresSinkConfig& config, PendingBatch* pending) {
  if (config.partition_column.empty()) return;
  const int column = pending->batch.contract->FindColumn(config.partition_column);
  if (column < 0) return;  // the tables are refused later, by name
  const arrow::Array& values = *pending->batch.rows->column(batch::kSystemColumns + column);
  const bool date = values.type_id() == arrow::Type::DATE32;
  if (!date && values.type_id() != arrow::Type::TIMESTAMP) return;
  tables::PartitionBucket last = 0;
  int64_t* count = nullptr;
  for (const int32_t row : pending->rows[static_cast<size_t>(tables::TableRole::kClean)]) {
    if (values.IsNull(row)) continue;
    int64_t micros = 0;
    if (!date) {
      micros = static_cast<const arrow::TimestampArray&>(values).Value(row);
    } else if (__builtin_mul_overflow(
                   int64_t{static_cast<const arrow::Date32Array&>(values).Value(row)},
                   int64_t{86'400'000'000}, &micros)) {
      continue;  // beyond the type's range: the database refuses the row
    }
    const tables::PartitionBucket bucket = tables::BucketOf(micros, config.partition_interval);
    if (count == nullptr || bucket != last) count = &pending->buckets[bucket];
    last = bucket;
    ++*count;
  }
}

}  // namespace

int64_t PendingBatch::row_count() const {
  int64_t count = 0;
  for (const auto& of_table : rows) count += static_cast<int64_t>(of_table.size());
  return count;
}

int64_t PendingBatch::rejected_count() const {
  int64_t count = 0;
  for (const int64_t of_table : rejected) count += of_table;
  return count;
}

absl::StatusOr<PendingBatch> SortOut(stage::AcceptedBatch batch,
                                     const contract::PostgresSinkConfig& config) {
  PendingBatch pending;
  pending.batch = std::move(batch);
  const batch::Coverage& coverage = pending.batch.coverage;
  const bool has_rows = pending.batch.rows != nullptr && pending.batch.rows->num_rows() > 0;
  if (coverage.lost) {
    if (has_rows) return absl::InternalError("a lost range has rows");
    pending.counts[static_cast<size_t>(Verdict::kLost)] =
        coverage.range.next - coverage.range.first;
    return pending;
  }
  if (has_rows) {
    SLUICE_RETURN_IF_ERROR(CheckSchema(pending.batch));
    SLUICE_RETURN_IF_ERROR(SortRows(&pending));
    CountRuleFailures(&pending);
    CountBuckets(config, &pending);
    // Of records that are far apart each may close windows.
    const size_t results = coverage.closed_windows.size() * pending.batch.contract->metrics.size();
    pending.bytes = arrow::util::TotalBufferSize(*pending.batch.rows) +
                    static_cast<int64_t>(results) * kResultBytes;
  }
  if (pending.counts != coverage.counts) {
    return absl::InternalError(Concat("the counts of a batch are not those of its rows: partition ",
                                      coverage.partition, ", [", coverage.range.first, ", ",
                                      coverage.range.next, ")"));
  }
  return pending;
}

}  // namespace sluice::storage_writer
