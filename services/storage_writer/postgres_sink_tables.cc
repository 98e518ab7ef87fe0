#include "storage_writer/postgres_sink_tables.h"

#include <algorithm>
#include <vector>

#include "absl/time/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/row_json.h"
#include "contract/names.h"
#include "postgres/sql_state.h"
#include "storage_writer/copy_encoder_text.h"

namespace sluice::storage_writer {
namespace {

using postgres::Connection;
using postgres::QuoteIdentifier;
using postgres::QuoteLiteral;
using postgres::SqlState;

constexpr const char* kBegin = "BEGIN; SET LOCAL lock_timeout = '1s'; ";
// Any number; the same for every instance.
constexpr const char* kDdlLock = "SELECT pg_advisory_xact_lock(7310574826002); ";

// A day that is neither near now nor near known days gets a partition only with this many rows in
// one commit ...
constexpr int64_t kEvidenceRows = 100;
// ... and while there are fewer partitions than this; so hostile dates cannot make thousands of
// tables.
constexpr size_t kMaxDistantPartitions = 1000;
constexpr int64_t kNearBuckets = 7;
constexpr size_t kMaxRemembered = 10'000;

// The rules as a JSON array of records for jsonb_to_recordset.
std::string RulesJson(const contract::Contract& contract) {
  std::string json = "[";
  for (size_t i = 0; i < contract.rules.size(); ++i) {
    const contract::Rule& rule = contract.rules[i];
    Append(&json, i == 0 ? "" : ",", R"({"rule_index":)", i);
    const auto text = [&](const char* key, std::string_view value) {
      Append(&json, ",\"", key, "\":");
      batch::AppendJsonString(VisibleText(value), &json);
    };
    text("rule_id", rule.id);
    if (!rule.column.empty()) text("column_name", rule.column);
    text("action", contract::Name(rule.action));
    text("severity", rule.severity);
    text("dimension", rule.dimension);
    text("summary", rule.summary);
    json += '}';
  }
  return json + "]";
}

// Of a column that the sink fills itself.
PgType OwnType(std::string_view declared) {
  if (declared == "integer") return PgType::kInt4;
  if (declared == "bigint") return PgType::kInt8;
  return *PgTypeFromName(declared);  // text, bytea, timestamptz
}

absl::Status TypeError(const tables::TableLayout& layout, const tables::TableColumn& column,
                       std::string_view found) {
  return absl::FailedPreconditionError(Concat(
      "column ", column.name, " of ", layout.QualifiedName(), " is ", found,
      ", the contract needs ", column.type, ": change the table or give the sink another one"));
}

}  // namespace

void PostgresTables::Forget() {
  contracts_.clear();
  partitions_.clear();
  in_default_.clear();
  partitions_read_ = false;
}

ContractTables* PostgresTables::Find(const contract::Contract& contract) {
  const auto found = contracts_.find(contract.content_hash);
  return found == contracts_.end() ? nullptr : found->second.get();
}

absl::StatusOr<ContractTables*> PostgresTables::Ensure(
    Connection& connection, std::shared_ptr<const contract::Contract> contract) {
  if (ContractTables* known = Find(*contract)) return known;
  absl::StatusOr<std::unique_ptr<ContractTables>> tables;
  for (int attempt = 0; attempt < 2; ++attempt) {
    SLUICE_RETURN_IF_ERROR(connection.Exec(kBegin).status());
    tables = EnsureLocked(connection, contract);
    if (tables.ok()) {
      SLUICE_RETURN_IF_ERROR(connection.Commit());
      SLUICE_FAULT_POINT("writer.tables_made");
      break;
    }
    connection.Rollback().IgnoreError();
    if (SqlState(tables.status()) != "55P03" || attempt != 0) return tables.status();
    EndStuckSessions(connection);
  }
  std::unique_ptr<ContractTables>& slot = contracts_[contract->content_hash];
  slot = *std::move(tables);
  return slot.get();
}

absl::StatusOr<std::unique_ptr<ContractTables>> PostgresTables::EnsureLocked(
    Connection& connection, const std::shared_ptr<const contract::Contract>& contract) {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result migrated,
      connection.Exec("SELECT EXISTS (SELECT FROM pg_attribute WHERE attname = 'window_start' "
                      "AND attrelid = to_regclass('sluice.metric_results'))"));
  if (!migrated.Boolean(0, 0)) {
    return absl::FailedPreconditionError(
        "the database lacks tables of the schema sluice: run `sluicectl migrate`");
  }
  SLUICE_RETURN_IF_ERROR(connection.Exec(kDdlLock).status());
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result schema,
      connection.Query("SELECT to_regnamespace(quote_ident($1)) IS NOT NULL", {config_.schema}));
  if (!schema.Boolean(0, 0)) {
    SLUICE_RETURN_IF_ERROR(
        connection.Exec(Concat("CREATE SCHEMA IF NOT EXISTS ", QuoteIdentifier(config_.schema)))
            .status());
  }
  auto tables = std::make_unique<ContractTables>();
  tables->contract = contract;
  SLUICE_ASSIGN_OR_RETURN(tables->contract_id, RegisterContract(connection, *contract));
  for (int i = 0; i < tables::kTableRoles; ++i) {
    SLUICE_ASSIGN_OR_RETURN(
        const tables::TableLayout layout,
        tables::MakeLayout(*contract, config_, static_cast<tables::TableRole>(i)));
    SLUICE_RETURN_IF_ERROR(Claim(connection, layout.table, tables::kTableRoleNames[i]));
    SLUICE_RETURN_IF_ERROR(
        EnsureTable(connection, layout, &tables->targets[static_cast<size_t>(i)]));
    if (layout.role == tables::TableRole::kClean) clean_ = layout;
  }
  SLUICE_RETURN_IF_ERROR(Claim(connection, config_.audit_view, "audit"));
  SLUICE_RETURN_IF_ERROR(EnsureAuditView(connection, *contract));
  return tables;
}

absl::StatusOr<int32_t> PostgresTables::RegisterContract(Connection& connection,
                                                         const contract::Contract& contract) {
  const std::string find =
      "SELECT id FROM sluice.contracts WHERE pipeline = $1 AND content_hash = $2";
  SLUICE_ASSIGN_OR_RETURN(const postgres::Result known,
                          connection.Query(find, {pipeline_, contract.content_hash}));
  if (known.rows() == 1) return static_cast<int32_t>(known.Integer(0, 0));
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result added,
      connection.Query(
          "INSERT INTO sluice.contracts (pipeline, version, content_hash, body) "
          "VALUES ($1, $2, $3, $4) RETURNING id",
          {pipeline_, contract.version, contract.content_hash, VisibleText(contract.body)}));
  const auto id = static_cast<int32_t>(added.Integer(0, 0));
  SLUICE_RETURN_IF_ERROR(connection
                             .Query("INSERT INTO sluice.contract_rules (contract_id, rule_index, "
                                    "rule_id, column_name, action, severity, dimension, "
                                    "summary) SELECT $1::integer, rule_index, rule_id, "
                                    "column_name, action, severity, dimension, summary FROM "
                                    "jsonb_to_recordset($2::jsonb) AS r(rule_index integer, "
                                    "rule_id text, column_name text, action text, "
                                    "severity text, dimension text, summary text)",
                                    {Concat(id), RulesJson(contract)})
                             .status());
  return id;
}

absl::Status PostgresTables::Claim(Connection& connection, const std::string& table,
                                   const char* role) {
  SLUICE_RETURN_IF_ERROR(
      connection
          .Query("INSERT INTO sluice.targets (table_schema, table_name, pipeline, generation, "
                 "sink, role) "
                 "VALUES ($1, $2, $3, $4::integer, $5, $6) ON CONFLICT DO NOTHING",
                 {config_.schema, table, pipeline_, Concat(generation_), config_.name, role})
          .status());
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result owner,
      connection.Query(
          "SELECT pipeline = $3 AND generation = $4::integer AND sink = $5 AND role = $6, "
          "pipeline, generation, sink, role "
          "FROM sluice.targets WHERE table_schema = $1 AND table_name = $2",
          {config_.schema, table, pipeline_, Concat(generation_), config_.name, role}));
  if (owner.rows() == 1 && owner.Boolean(0, 0)) return absl::OkStatus();
  if (owner.rows() == 0) return absl::UnavailableError("the claim of a table vanished");
  return absl::FailedPreconditionError(
      Concat(config_.schema, ".", table, " belongs to pipeline ", owner.Text(0, 1), ", generation ",
             owner.Text(0, 2), ", sink ", owner.Text(0, 3), " as table of ", owner.Text(0, 4),
             " records (sluice.targets): give this sink another table"));
}

absl::StatusOr<PostgresTables::Table> PostgresTables::ReadTable(Connection& connection,
                                                                const tables::TableLayout& layout) {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result rows,
      connection.Query(
          "SELECT c.relkind, a.attname, CASE WHEN v.typtype = 'e' THEN 'text' ELSE v.typname END, "
          "format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef AND "
          "a.attidentity = '', CASE WHEN v.oid <> b.oid THEN v.oid::bigint ELSE 0 END "
          "FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "
          "a.attisdropped "
          "LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = "
          "coalesce(nullif(t.typbasetype, 0), t.oid) "
          "LEFT JOIN pg_type v ON v.oid = CASE WHEN b.typcategory = 'A' AND b.typelem <> 0 THEN "
          "b.typelem ELSE b.oid END "
          "WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname = $2",
          {layout.schema, layout.table}));
  Table table;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view kind = rows.Text(row, 0);
    if (kind != "r" && kind != "p") {
      return absl::FailedPreconditionError(
          Concat(layout.QualifiedName(), " exists and is no table"));
    }
    table.exists = true;
    table.partitioned = kind == "p";
    table.columns[std::string(rows.Text(row, 1))] = {
        std::string(rows.Text(row, 2)), std::string(rows.Text(row, 3)), rows.Boolean(row, 4),
        static_cast<uint32_t>(rows.OptionalInteger(row, 5).value_or(0))};
  }
  return table;
}

absl::Status PostgresTables::EnsureTable(Connection& connection, const tables::TableLayout& layout,
                                         ContractTables::Target* target) {
  SLUICE_ASSIGN_OR_RETURN(Table table, ReadTable(connection, layout));
  std::string ddl;
  if (!table.exists) {
    ddl = tables::CreateTableSql(layout, pipeline_);
  } else {
    for (const tables::TableColumn& column : layout.columns) {
      if (!table.columns.contains(column.name)) ddl += tables::AddColumnSql(layout, column);
    }
  }
  if (!ddl.empty()) {
    SLUICE_RETURN_IF_ERROR(
        Annotate(connection.Exec(ddl).status(), Concat("create ", layout.QualifiedName())));
    SLUICE_ASSIGN_OR_RETURN(table, ReadTable(connection, layout));
  }
  if (table.partitioned == layout.partition_column.empty() &&
      layout.role == tables::TableRole::kClean) {
    return absl::FailedPreconditionError(
        Concat(layout.QualifiedName(), table.partitioned ? " is" : " is not",
               " partitioned, against the pipeline file: give the sink another table"));
  }
  std::vector<CopyEncoder::Column> columns;
  for (const tables::TableColumn& column : layout.columns) {
    const Column& found = table.columns[column.name];
    const std::optional<PgType> type = PgTypeFromName(found.typname);
    const bool fits =
        type && column.array == (found.item_oid != 0) &&
        (column.logical ? CanStore(*column.logical, *type) : *type == OwnType(column.type));
    if (!fits) return TypeError(layout, column, found.declared);
    columns.push_back({column.source, *type, found.item_oid});
    table.columns.erase(column.name);
  }
  for (const auto& [name, column] : table.columns) {
    if (!column.required) continue;
    return absl::FailedPreconditionError(
        Concat("column ", name, " of ", layout.QualifiedName(),
               " is NOT NULL, has no default, and the contract does not fill it"));
  }
  target->name = layout.QualifiedName();
  target->copy_sql = tables::CopySql(layout);
  target->encoder = std::make_unique<CopyEncoder>(std::move(columns));
  return absl::OkStatus();
}

absl::Status PostgresTables::EnsureAuditView(Connection& connection,
                                             const contract::Contract& contract) {
  // The view's text is kept with it, as a hash: it is made anew only when it has to change.
  const std::string sql = tables::CreateAuditViewSql(contract, config_);
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result found,
      connection.Query("SELECT c.relkind, md5($3) = (SELECT substring(obj_description(c.oid, "
                       "'pg_class') FROM '\\[([0-9a-f]+)\\]$')), md5($3) "
                       "FROM (VALUES (1)) one(x) LEFT JOIN pg_class c ON c.relnamespace = "
                       "to_regnamespace(quote_ident($1)) AND c.relname = $2",
                       {config_.schema, config_.audit_view, sql}));
  if (!found.IsNull(0, 0) && found.Text(0, 0) != "v") {
    return absl::FailedPreconditionError(
        Concat(config_.schema, ".", config_.audit_view, " exists and is no view"));
  }
  if (found.Boolean(0, 1)) return absl::OkStatus();
  const std::string view =
      Concat(QuoteIdentifier(config_.schema), ".", QuoteIdentifier(config_.audit_view));
  const std::string comment = Concat(
      "One row per stored record and checked column, computed from the bits in failed_rules [",
      found.Text(0, 2), "]");
  return Annotate(connection
                      .Exec(Concat("DROP VIEW IF EXISTS ", view, ";\n", sql, "COMMENT ON VIEW ",
                                   view, " IS", QuoteLiteral(comment)))
                      .status(),
                  Concat("create ", view));
}

absl::Status PostgresTables::ReadPartitions(Connection& connection) {
  SLUICE_ASSIGN_OR_RETURN(const postgres::Result rows,
                          connection.Query("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON "
                                           "c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)",
                                           {clean_.QualifiedName()}));
  for (int row = 0; row < rows.rows(); ++row) {
    const auto bucket =
        tables::ParsePartitionName(clean_, rows.Text(row, 0), config_.partition_interval);
    if (bucket) partitions_.insert(*bucket);
  }
  partitions_read_ = true;
  return absl::OkStatus();
}

bool PostgresTables::Deserves(tables::PartitionBucket bucket, int64_t rows) const {
  const tables::PartitionBucket now =
      tables::BucketOf(absl::ToUnixMicros(absl::Now()), config_.partition_interval);
  if (std::abs(bucket - now) <= kNearBuckets) return true;
  // Beyond these years the bounds could not be written, and no partition would make sense.
  const int64_t per_year = absl::Hours(24 * 365) / config_.partition_interval + 1;
  if (bucket < -70 * per_year || bucket > 230 * per_year) return false;
  if (partitions_.size() >= kMaxDistantPartitions) return false;
  if (partitions_.empty() || rows >= kEvidenceRows) return true;
  const auto above = partitions_.lower_bound(bucket);
  return (above != partitions_.end() && *above - bucket <= kNearBuckets) ||
         (above != partitions_.begin() && bucket - *std::prev(above) <= kNearBuckets);
}

absl::Status PostgresTables::SettlePartitions(
    Connection& connection, const std::map<tables::PartitionBucket, int64_t>& rows) {
  if (clean_.partition_column.empty()) return absl::OkStatus();
  if (!partitions_read_) SLUICE_RETURN_IF_ERROR(ReadPartitions(connection));
  if (in_default_.size() > kMaxRemembered) in_default_.clear();
  // The days with most rows first: they are the known data that others are measured by.
  std::vector<std::pair<int64_t, tables::PartitionBucket>> order;
  for (const auto& [bucket, count] : rows) {
    if (!IsSettled(bucket)) order.emplace_back(-count, bucket);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [negative_count, bucket] : order) {
    if (!Deserves(bucket, -negative_count)) {
      in_default_.insert(bucket);
      continue;
    }
    SLUICE_RETURN_IF_ERROR(CreatePartition(connection, bucket));
  }
  return absl::OkStatus();
}

absl::Status PostgresTables::CreatePartition(Connection& connection,
                                             tables::PartitionBucket bucket) {
  const absl::Status status =
      RunDdl(connection, tables::CreatePartitionSql(clean_, bucket, config_.partition_interval));
  const std::string sql_state = SqlState(status);
  if (status.ok()) {
    partitions_.insert(bucket);
    return absl::OkStatus();
  }
  if (sql_state == "23514") {
    // The default partition holds rows of this bucket already: they stay, and the bucket with them.
    log::Warn("rows of this range lie in the default partition, no partition is made",
              {{"table", clean_.table},
               {"partition", tables::PartitionName(clean_, bucket, config_.partition_interval)}});
    in_default_.insert(bucket);
    return absl::OkStatus();
  }
  if (sql_state == "42P07" || sql_state == "42P17" || sql_state == "23505") {
    // Another instance was faster.
    SLUICE_RETURN_IF_ERROR(ReadPartitions(connection));
    if (partitions_.contains(bucket)) return absl::OkStatus();
  }
  return Annotate(status,
                  Concat("create partition ",
                         tables::PartitionName(clean_, bucket, config_.partition_interval)));
}

absl::Status PostgresTables::RunDdl(Connection& connection, const std::string& sql) {
  absl::Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = connection.Exec(Concat(kBegin, kDdlLock, sql, "; COMMIT")).status();
    if (status.ok()) return status;
    connection.Rollback().IgnoreError();
    if (SqlState(status) != "55P03") return status;
    if (attempt == 0) EndStuckSessions(connection);
  }
  return status;
}

void PostgresTables::EndStuckSessions(Connection& connection) {
  // A process that is frozen inside a COPY holds its table locks for ever:
  // idle_in_transaction_session_timeout does not count a COPY. Ending such a session loses nothing:
  // its owner takes over again when it wakes up.
  const auto ended = connection.Query(
      "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a WHERE a.pid <> "
      "pg_backend_pid() "
      "AND a.datname = current_database() AND a.usename = current_user AND "
      "starts_with(a.application_name, $1) "
      "AND a.state = 'active' AND a.wait_event = 'ClientRead' AND a.query_start < "
      "clock_timestamp() - $2::interval "
      "AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.mode = 'RowExclusiveLock' AND "
      "(l.relation = to_regclass($3) "
      "OR l.relation IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass($3))))",
      {kApplicationName, Concat(absl::ToInt64Milliseconds(stuck_after_), " milliseconds"),
       clean_.QualifiedName()});
  if (ended.ok() && ended->Integer(0, 0) > 0) {
    log::Warn("ended sessions that stood still inside a COPY",
              {{"sessions", ended->Integer(0, 0)}, {"table", clean_.table}});
  }
}

}  // namespace sluice::storage_writer
