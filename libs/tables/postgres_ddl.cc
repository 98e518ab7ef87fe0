#include "tables/postgres_ddl.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "postgres/connection.h"

namespace sluice::tables {
namespace {

using contract::LogicalType;
using postgres::QuoteIdentifier;
using postgres::QuoteLiteral;
using Kind = ValueSource::Kind;

constexpr size_t kMaxIdentifier = 63;
constexpr size_t kPartitionSuffix = 12;  // _p20240131_06

TableColumn Own(std::string name, std::string type, bool required, ValueSource source) {
  return {std::move(name), std::move(type), required, std::move(source), std::nullopt, false};
}
TableColumn Key() { return Own("message_key", "text", false, {Kind::kKey}); }
TableColumn Partition() { return Own("kafka_partition", "integer", true, {Kind::kPartition}); }
TableColumn Offset() { return Own("kafka_offset", "bigint", true, {Kind::kField, batch::kOffset}); }
TableColumn QcStatus(std::string text) {
  return Own("qc_status", "text", true, {Kind::kConstant, -1, std::move(text)});
}
TableColumn LoadTimestamp() {
  return Own("load_timestamp", "timestamptz", true, {Kind::kLoadTimestamp});
}
TableColumn ContractId() { return Own("contract_id", "integer", true, {Kind::kContractId}); }
TableColumn FailedRules() {
  return Own("failed_rules", "bytea", false, {Kind::kField, batch::kFailedRules});
}

std::vector<TableColumn> SinkColumns(TableRole role) {
  switch (role) {
    case TableRole::kClean:
      return {Key(),           Partition(),  Offset(),     QcStatus("success"),
              LoadTimestamp(), ContractId(), FailedRules()};
    case TableRole::kFailed:
      return {QcStatus("fail"), Own("qc_summary", "text", false, {Kind::kSummary}),
              LoadTimestamp(),  Key(),
              Partition(),      Offset(),
              ContractId(),     FailedRules()};
    case TableRole::kCorrupt:
      return {Key(),
              Partition(),
              Offset(),
              Own("value_str", "text", false, {Kind::kRawText}),
              Own("error_reason", "text", false, {Kind::kReason}),
              LoadTimestamp(),
              Own("raw", "bytea", false, {Kind::kField, batch::kRaw}),
              Own("raw_length", "integer", false, {Kind::kField, batch::kRawLength}),
              Own("raw_sha256", "bytea", false, {Kind::kField, batch::kRawSha256}),
              Own("record_timestamp", "timestamptz", false, {Kind::kField, batch::kTimestamp}),
              ContractId()};
  }
  return {};
}

const char* TableComment(TableRole role) {
  switch (role) {
    case TableRole::kClean:
      return "Records that keep every rule, or break warnings only (failed_rules)";
    case TableRole::kFailed:
      return "Records that break a rule; which one and with what value: sluice.cell_failures";
    case TableRole::kCorrupt:
      return "Records that could not become columns; raw holds their bytes, value_str shows them";
  }
  return "";
}

std::string ColumnComment(const TableColumn& column) {
  static constexpr std::pair<std::string_view, const char*> kComments[] = {
      {"message_key", "Kafka key; a key that is not UTF-8 as \\x and hexadecimal digits"},
      {"kafka_partition", "Partition of the source topic"},
      {"kafka_offset", "Offset in the source topic"},
      {"qc_status", "success or fail"},
      {"qc_summary", "What is wrong: the rules that made the record fail"},
      {"load_timestamp", "When the sink wrote the row, just before its commit"},
      {"contract_id", "The contract that judged the record: sluice.contracts"},
      {"failed_rules", "Bits of the broken rules, see sluice.contract_rules; null: none"},
      {"value_str", "The message for reading: bytes that are no text appear as \\xHH"},
      {"error_reason", "Why it could not become columns"},
      {"raw", "The message's bytes, up to a cap"},
      {"raw_length", "Length of the whole message in bytes"},
      {"raw_sha256", "SHA-256 of the whole message"},
      {"record_timestamp", "Kafka timestamp"},
  };
  for (const auto& [name, comment] : kComments) {
    if (column.name == name) return comment;
  }
  return "";
}

bool IsTypeName(std::string_view type) {
  return !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return absl::ascii_isalnum(c) || std::string_view("_ (),[]").find(c) != std::string_view::npos;
  });
}

absl::Status CheckName(std::string_view name, size_t longest) {
  if (!name.empty() && name.size() <= longest && name.find('\0') == std::string_view::npos)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      Concat("PostgreSQL cannot use this name (1 to ", longest, " bytes): ", std::string(name)));
}

absl::Status CheckPartitionColumn(const contract::Contract& contract,
                                  const contract::PostgresSinkConfig& config) {
  const int index = contract.FindColumn(config.partition_column);
  const LogicalType type =
      index < 0 ? LogicalType::kString : contract.columns[static_cast<size_t>(index)].type;
  if ((index >= 0 && contract.columns[static_cast<size_t>(index)].list) ||
      (type != LogicalType::kDate && type != LogicalType::kTimestamp)) {
    return absl::FailedPreconditionError(
        Concat("partition_by needs a date or timestamp column of the contract: ",
               config.partition_column));
  }
  const absl::Duration unit = type == LogicalType::kDate ? absl::Hours(24) : absl::Hours(1);
  if (config.partition_interval < unit ||
      config.partition_interval % unit != absl::ZeroDuration()) {
    return absl::FailedPreconditionError(Concat("the interval of partition_by must be whole ",
                                                type == LogicalType::kDate ? "days" : "hours",
                                                " for column ", config.partition_column));
  }
  return absl::OkStatus();
}

absl::CivilHour StartOf(PartitionBucket bucket, absl::Duration interval) {
  return absl::ToCivilHour(absl::UnixEpoch() + bucket * interval, absl::UTCTimeZone());
}

}  // namespace

std::string TableLayout::QualifiedName() const {
  return Concat(QuoteIdentifier(schema), ".", QuoteIdentifier(table));
}

namespace {

/// Of one value.
std::string ScalarType(const contract::Column& column) {
  switch (column.type) {
    case LogicalType::kString:
      return "text";
    case LogicalType::kInteger: {
      const auto fits = [&](int64_t min, int64_t max) {
        return column.integer_min >= min && column.integer_max <= max;
      };
      // No bounds at all (a contract made by hand): any value may come.
      if (column.integer_min == 0 && column.integer_max == 0) return "bigint";
      if (fits(std::numeric_limits<int16_t>::min(), std::numeric_limits<int16_t>::max()))
        return "smallint";
      if (fits(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()))
        return "integer";
      return "bigint";
    }
    case LogicalType::kNumber:
      return "double precision";
    case LogicalType::kBoolean:
      return "boolean";
    case LogicalType::kDate:
      return "date";
    case LogicalType::kTimestamp:
      return "timestamptz";
    case LogicalType::kTime:
      return "time";
    case LogicalType::kJson:
      return "jsonb";
  }
  return "text";
}

/// Whether it is an array of PostgreSQL's: one of objects is a value of JSON.
bool IsArray(const contract::Column& column) {
  return column.list && column.type != LogicalType::kJson;
}

}  // namespace

std::string ColumnType(const contract::Column& column) {
  if (!column.physical_type.empty()) return column.physical_type;
  return Concat(ScalarType(column), IsArray(column) ? "[]" : "");
}

absl::StatusOr<TableLayout> MakeLayout(const contract::Contract& contract,
                                       const contract::PostgresSinkConfig& config, TableRole role) {
  TableLayout layout;
  layout.schema = config.schema;
  layout.role = role;
  layout.table = role == TableRole::kClean    ? config.clean_table
                 : role == TableRole::kFailed ? config.failed_table
                                              : config.corrupt_table;
  SLUICE_RETURN_IF_ERROR(CheckName(layout.schema, kMaxIdentifier));
  SLUICE_RETURN_IF_ERROR(CheckName(layout.table, kMaxIdentifier - kPartitionSuffix));
  std::vector<TableColumn> own = SinkColumns(role);
  if (role != TableRole::kCorrupt) {
    for (size_t i = 0; i < contract.columns.size(); ++i) {
      const contract::Column& column = contract.columns[i];
      const std::string& name = column.TableName();
      SLUICE_RETURN_IF_ERROR(CheckName(name, kMaxIdentifier));
      const std::string type = ColumnType(column);
      if (!IsTypeName(type)) {
        return absl::FailedPreconditionError(
            Concat("physicalType of column ", column.name, " is no type: ", type));
      }
      if (std::any_of(own.begin(), own.end(),
                      [&](const TableColumn& other) { return other.name == name; })) {
        return absl::FailedPreconditionError(Concat(
            "the sink writes a column of this name itself, rename it in the contract: ", name));
      }
      layout.columns.push_back({name,
                                type,
                                false,
                                {Kind::kField, batch::kSystemColumns + static_cast<int>(i)},
                                column.type,
                                IsArray(column)});
    }
  }
  layout.columns.insert(layout.columns.end(), own.begin(), own.end());
  if (role == TableRole::kClean && !config.partition_column.empty()) {
    SLUICE_RETURN_IF_ERROR(CheckPartitionColumn(contract, config));
    const int column = contract.FindColumn(config.partition_column);
    layout.partition_column = contract.columns[static_cast<size_t>(column)].TableName();
  }
  return layout;
}

std::string CreateTableSql(const TableLayout& layout, std::string_view pipeline) {
  const std::string name = layout.QualifiedName();
  std::string sql = Concat("CREATE TABLE IF NOT EXISTS ", name, " (");
  std::string comments =
      Concat("COMMENT ON TABLE ", name, " IS",
             QuoteLiteral(Concat("Pipeline ", pipeline, ": ", TableComment(layout.role))), ";\n");
  for (size_t i = 0; i < layout.columns.size(); ++i) {
    const TableColumn& column = layout.columns[i];
    Append(&sql, i == 0 ? "\n  " : ",\n  ", QuoteIdentifier(column.name), " ", column.type,
           column.required ? " NOT NULL" : "");
    if (const std::string comment = ColumnComment(column); !comment.empty() && !column.logical) {
      Append(&comments, "COMMENT ON COLUMN ", name, ".", QuoteIdentifier(column.name), " IS",
             QuoteLiteral(comment), ";\n");
    }
  }
  sql += "\n)";
  if (!layout.partition_column.empty()) {
    Append(&sql, " PARTITION BY RANGE (", QuoteIdentifier(layout.partition_column), ")");
  }
  sql += ";\n";
  if (!layout.partition_column.empty()) {
    // For null, and for values so far from all others that they deserve no partition.
    Append(&sql, "CREATE TABLE IF NOT EXISTS ", QuoteIdentifier(layout.schema), ".",
           QuoteIdentifier(layout.table + "_default"), " PARTITION OF ", name, " DEFAULT;\n");
  }
  if (layout.role != TableRole::kClean) {
    Append(&sql, "CREATE INDEX IF NOT EXISTS ", QuoteIdentifier(layout.table + "_offset"), " ON ",
           name, " USING brin (kafka_offset);\n");
  }
  return sql + comments;
}

std::string AddColumnSql(const TableLayout& layout, const TableColumn& column) {
  return Concat("ALTER TABLE ", layout.QualifiedName(), " ADD COLUMN IF NOT EXISTS ",
                QuoteIdentifier(column.name), " ", column.type, ";\n");
}

std::string CopySql(const TableLayout& layout) {
  std::string sql = Concat("COPY ", layout.QualifiedName(), " (");
  for (size_t i = 0; i < layout.columns.size(); ++i) {
    Append(&sql, i == 0 ? "" : ", ", QuoteIdentifier(layout.columns[i].name));
  }
  return sql + ") FROM STDIN (FORMAT binary)";
}

std::string CreateAuditViewSql(const contract::Contract& contract,
                               const contract::PostgresSinkConfig& config) {
  size_t key = 0;
  for (size_t i = contract.columns.size(); i-- > 0;) {
    if (contract.columns[i].primary_key) key = i;
  }
  const std::string key_name = QuoteIdentifier(
      contract.columns.empty() ? "kafka_offset" : contract.columns[key].TableName());
  const std::string schema = QuoteIdentifier(config.schema);
  const std::string view = Concat(schema, ".", QuoteIdentifier(config.audit_view));
  const auto rows = [&](const std::string& table) {
    return Concat("SELECT ", key_name,
                  ", qc_status, load_timestamp, kafka_partition, kafka_offset, contract_id, "
                  "failed_rules FROM ",
                  schema, ".", QuoteIdentifier(table));
  };
  const auto select = [&](const std::string& from, const std::string& passed,
                          const std::string& reason) {
    return Concat("SELECT r.", key_name, ", c.column_name, ", passed, " AS passed, ", reason,
                  " AS fail_reason, r.load_timestamp AS checked_at, r.qc_status, "
                  "r.kafka_partition, r.kafka_offset, r.contract_id FROM ",
                  from);
  };
  // Three cases, so that the usual one (nothing broken) is a plain join: a clean row without bits
  // has passed everything; a failed row without bits cannot be explained, and is not a pass; the
  // others are looked up rule by rule.
  std::string sql = Concat("CREATE VIEW ", view, " AS\n");
  Append(&sql, select(Concat("(", rows(config.clean_table),
                             ") r JOIN sluice.contract_columns c USING (contract_id) WHERE "
                             "r.failed_rules IS NULL"),
                      "true", "NULL::text"));
  Append(&sql, "\nUNION ALL\n",
         select(Concat("(", rows(config.failed_table),
                       ") r JOIN sluice.contract_columns c USING (contract_id) WHERE "
                       "r.failed_rules IS NULL"),
                "NULL::boolean", "'no detail'::text"));
  Append(
      &sql, "\nUNION ALL\n",
      select(
          Concat(
              "(", rows(config.clean_table), " WHERE failed_rules IS NOT NULL UNION ALL ",
              rows(config.failed_table),
              " WHERE failed_rules IS NOT NULL) r\n"
              "CROSS JOIN LATERAL (\n"
              "  SELECT coalesce(k.column_name, '(row)') AS column_name,\n"
              "         string_agg(k.summary, '; ' ORDER BY k.rule_index) FILTER (WHERE "
              "k.rule_index < 8 * length(r.failed_rules)\n"
              "           AND get_bit(r.failed_rules, least(k.rule_index, 8 * "
              "length(r.failed_rules) - 1)) = 1) AS broken\n"
              "  FROM sluice.contract_rules k WHERE k.contract_id = r.contract_id GROUP BY 1) c"),
          "c.broken IS NULL", "c.broken"));
  Append(
      &sql, ";\nCOMMENT ON VIEW ", view, " IS",
      QuoteLiteral(
          "One row per stored record and checked column, computed from the bits in failed_rules"),
      ";\n");
  return sql;
}

PartitionBucket BucketOf(int64_t micros, absl::Duration interval) {
  const int64_t width = absl::ToInt64Microseconds(interval);
  return micros / width - (micros % width < 0 ? 1 : 0);
}

std::string PartitionName(const TableLayout& layout, PartitionBucket bucket,
                          absl::Duration interval) {
  const absl::CivilHour start = StartOf(bucket, interval);
  std::string name =
      absl::StrFormat("%s_p%04d%02d%02d", layout.table, start.year(), start.month(), start.day());
  if (interval % absl::Hours(24) != absl::ZeroDuration())
    name += absl::StrFormat("_%02d", start.hour());
  return name;
}

std::string CreatePartitionSql(const TableLayout& layout, PartitionBucket bucket,
                               absl::Duration interval) {
  const auto bound = [&](PartitionBucket at) {
    const absl::CivilHour start = StartOf(at, interval);
    std::string text = absl::StrFormat("%04d-%02d-%02d", start.year(), start.month(), start.day());
    if (interval % absl::Hours(24) != absl::ZeroDuration())
      text += absl::StrFormat(" %02d:00:00+00", start.hour());
    return QuoteLiteral(text);
  };
  const std::string name = Concat(QuoteIdentifier(layout.schema), ".",
                                  QuoteIdentifier(PartitionName(layout, bucket, interval)));
  // Not CREATE TABLE ... PARTITION OF, which locks the whole table against every reader and writer.
  return Concat("CREATE TABLE ", name, " (LIKE ", layout.QualifiedName(),
                " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE "
                "INCLUDING COMMENTS);\nALTER TABLE ",
                layout.QualifiedName(), " ATTACH PARTITION ", name, " FOR VALUES FROM (",
                bound(bucket), ") TO (", bound(bucket + 1), ")");
}

std::optional<PartitionBucket> ParsePartitionName(const TableLayout& layout, std::string_view name,
                                                  absl::Duration interval) {
  const std::string prefix = layout.table + "_p";
  if (name.substr(0, prefix.size()) != prefix) return std::nullopt;
  std::string digits(name.substr(prefix.size()));
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  if (digits.size() == 8) digits += "00";
  int64_t number = 0;
  if (digits.size() != 10 || !absl::SimpleAtoi(digits, &number)) return std::nullopt;
  const absl::CivilHour start(number / 1'000'000, static_cast<int>(number / 10'000 % 100),
                              static_cast<int>(number / 100 % 100), static_cast<int>(number % 100));
  const int64_t micros = absl::ToUnixMicros(absl::FromCivil(start, absl::UTCTimeZone()));
  const PartitionBucket bucket = BucketOf(micros, interval);
  if (PartitionName(layout, bucket, interval) != name) return std::nullopt;
  return bucket;
}

}  // namespace sluice::tables
