#pragma once
// What the sink has made and found in the database: the number of each contract, the tables and
// their column types, the partitions. Creates what is missing. Owned by the sink; one thread; the
// session must not be inside a transaction.
//
// Everything is idempotent and safe beside other instances (advisory lock). DDL waits for locks 1 s
// at most: a queued ALTER TABLE would hold up every writer behind it.

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "postgres/connection.h"
#include "storage_writer/copy_encoder.h"
#include "tables/postgres_ddl.h"

namespace sluice::storage_writer {

/// Where rows of one contract go.
struct ContractTables {
  struct Target {
    std::string name;  ///< "schema"."table"
    std::string copy_sql;
    std::unique_ptr<CopyEncoder> encoder;
  };
  int32_t contract_id = 0;
  std::shared_ptr<const contract::Contract> contract;
  std::array<Target, tables::kTableRoles> targets;
};

class PostgresTables {
 public:
  PostgresTables(std::string pipeline, int generation, contract::PostgresSinkConfig config,
                 absl::Duration stuck_after)
      : pipeline_(std::move(pipeline)),
        generation_(generation),
        config_(std::move(config)),
        stuck_after_(stuck_after) {}

  /// Make the tables fit `contract` and register it. The result lives until Forget.
  /// kFailedPrecondition: the schema `sluice` is missing, a table is claimed by another pipeline or
  /// generation, or a column has a type that does not fit.
  absl::StatusOr<ContractTables*> Ensure(postgres::Connection& connection,
                                         std::shared_ptr<const contract::Contract> contract);
  /// The same if it is known already; else null.
  ContractTables* Find(const contract::Contract& contract);

  /// Whether rows of this bucket need no new partition.
  bool IsSettled(tables::PartitionBucket bucket) const {
    return partitions_.contains(bucket) || in_default_.contains(bucket);
  }
  /// Decide for each bucket (with its number of rows) whether it gets a partition, and make those.
  /// The others share the default partition; so does a bucket that has rows there already.
  absl::Status SettlePartitions(postgres::Connection& connection,
                                const std::map<tables::PartitionBucket, int64_t>& rows);

  /// After the session was lost: the next one may belong to another server.
  void Forget();

 private:
  struct Column {
    std::string typname;    // of the base type, of an array its items'; "text" for an enumeration
    std::string declared;   // as format_type has it
    bool required = false;  // NOT NULL without default
    uint32_t item_oid = 0;  // of an array
  };
  struct Table {
    bool exists = false;
    bool partitioned = false;
    std::map<std::string, Column> columns;
  };
  absl::StatusOr<std::unique_ptr<ContractTables>> EnsureLocked(
      postgres::Connection& connection, const std::shared_ptr<const contract::Contract>& contract);
  absl::StatusOr<int32_t> RegisterContract(postgres::Connection& connection,
                                           const contract::Contract& contract);
  absl::Status Claim(postgres::Connection& connection, const std::string& table, const char* role);
  absl::Status EnsureTable(postgres::Connection& connection, const tables::TableLayout& layout,
                           ContractTables::Target* target);
  absl::Status EnsureAuditView(postgres::Connection& connection,
                               const contract::Contract& contract);
  absl::StatusOr<Table> ReadTable(postgres::Connection& connection,
                                  const tables::TableLayout& layout);
  absl::Status ReadPartitions(postgres::Connection& connection);
  bool Deserves(tables::PartitionBucket bucket, int64_t rows) const;
  absl::Status CreatePartition(postgres::Connection& connection, tables::PartitionBucket bucket);
  /// Run `sql` in a transaction of its own with a short lock_timeout.
  absl::Status RunDdl(postgres::Connection& connection, const std::string& sql);
  void EndStuckSessions(postgres::Connection& connection);

  const std::string pipeline_;
  const int generation_;
  const contract::PostgresSinkConfig config_;
  const absl::Duration stuck_after_;
  std::map<std::string, std::unique_ptr<ContractTables>> contracts_;  // by content hash
  tables::TableLayout clean_;
  bool partitions_read_ = false;
  std::set<tables::PartitionBucket> partitions_;
  std::set<tables::PartitionBucket> in_default_;
};

/// What sessions of the sink begin their application_name with.
inline constexpr const char* kApplicationName = "sluice-storage-writer";

}  // namespace sluice::storage_writer
