#pragma once
// The tables of a pipeline in PostgreSQL, as a function of its contract and sink configuration.
// Text only: nothing here talks to a database.
//
//   clean    the contract's columns, message_key, kafka_partition, kafka_offset, qc_status =
//   'success', load_timestamp,
//            contract_id, failed_rules (warnings; null when none)
//   failed   the contract's columns, qc_status = 'fail', qc_summary, load_timestamp, message_key,
//   kafka_partition,
//            kafka_offset, contract_id, failed_rules
//   corrupt  message_key, kafka_partition, kafka_offset, value_str, error_reason, load_timestamp,
//   raw, raw_length,
//            raw_sha256, record_timestamp, contract_id
//   audit    a view: one row per record and checked column
// Duplicate, late, filtered and tombstone records have no table: the ledger counts them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "tables/value_source.h"

namespace sluice::tables {

/// The tables rows go to, by role.
enum class TableRole : uint8_t { kClean = 0, kFailed, kCorrupt };
inline constexpr int kTableRoles = 3;
inline constexpr const char* kTableRoleNames[kTableRoles] = {"clean", "failed", "corrupt"};

struct TableColumn {
  std::string name;
  std::string type;       ///< as in CREATE TABLE
  bool required = false;  ///< NOT NULL
  ValueSource source;
  std::optional<contract::LogicalType>
      logical;         ///< of a contract column; of an array: of its items
  bool array = false;  ///< of PostgreSQL's kind: not one of objects
};

struct TableLayout {
  std::string schema;
  std::string table;
  TableRole role = TableRole::kClean;
  std::string partition_column;  ///< empty: not partitioned
  std::vector<TableColumn> columns;

  /// "schema"."table"
  std::string QualifiedName() const;
};

/// kFailedPrecondition: a contract column has the name of one of the sink's, a name is too long for
/// PostgreSQL, a type is no type's name, or the partition column is not a date or timestamp of the
/// contract.
absl::StatusOr<TableLayout> MakeLayout(const contract::Contract& contract,
                                       const contract::PostgresSinkConfig& config, TableRole role);

/// CREATE TABLE IF NOT EXISTS with comments, its default partition, and indexes.
std::string CreateTableSql(const TableLayout& layout, std::string_view pipeline);
/// ALTER TABLE ... ADD COLUMN of `column`, nullable.
std::string AddColumnSql(const TableLayout& layout, const TableColumn& column);
/// COPY ... FROM STDIN with the layout's columns by name.
std::string CopySql(const TableLayout& layout);

/// CREATE VIEW of the audit. The first column has the name of the contract's first primary-key
/// column, else its first.
std::string CreateAuditViewSql(const contract::Contract& contract,
                               const contract::PostgresSinkConfig& config);

/// The default type of a column in PostgreSQL, or its physicalType.
std::string ColumnType(const contract::Column& column);

/// A range of the partition column, as a number of intervals since 1970-01-01.
using PartitionBucket = int64_t;
PartitionBucket BucketOf(int64_t micros, absl::Duration interval);
/// Table name of a bucket: device_data_p20240131, or ..._p20240131_06 for intervals below a day.
std::string PartitionName(const TableLayout& layout, PartitionBucket bucket,
                          absl::Duration interval);
/// Two statements, for one transaction; beside running COPYs into other partitions.
std::string CreatePartitionSql(const TableLayout& layout, PartitionBucket bucket,
                               absl::Duration interval);
/// The bucket of a partition by its name; nullopt for another table.
std::optional<PartitionBucket> ParsePartitionName(const TableLayout& layout, std::string_view name,
                                                  absl::Duration interval);

}  // namespace sluice::tables
