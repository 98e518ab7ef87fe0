#pragma once
// One appended batch, sorted out: which row goes where, and what the ledger will say about it.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "stage/sink.h"
#include "storage_writer/postgres_sink_tables.h"

namespace sluice::storage_writer {

struct PendingBatch {
  stage::AcceptedBatch batch;
  ContractTables* tables = nullptr;  ///< set once the database knows the contract
  std::array<std::vector<int32_t>, tables::kTableRoles> rows;  ///< row numbers by table
  std::vector<int32_t> findings;       ///< clean, failed and filtered rows that break a rule
  batch::Counts counts{};              ///< records by verdict
  std::vector<int64_t> rule_failures;  ///< per rule; empty when there are no findings
  int64_t cell_failures = 0;           ///< sum of rule_failures
  std::map<tables::PartitionBucket, int64_t> buckets;   ///< clean rows per partition of the table
  std::array<int64_t, tables::kTableRoles> rejected{};  ///< rows the database refused, by table
  int64_t bytes = 0;

  int64_t row_count() const;
  int64_t rejected_count() const;
};

/// kInternal: rows outside of the range, an unjudged row, or counts that are not those of the rows:
/// a defect upstream that must not reach the ledger.
absl::StatusOr<PendingBatch> SortOut(stage::AcceptedBatch batch,
                                     const contract::PostgresSinkConfig& config);

}  // namespace sluice::storage_writer
