#include "sluicectl/records/record_search.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "base/status.h"
#include "postgres/sql_state.h"
#include "sluicectl/records/landed_rows.h"

namespace sluice::sluicectl {
namespace {

using postgres::QuoteIdentifier;

// One SELECT over several tables. A value is a parameter of its own in each, so that each table
// gives it the type of its column.
class SearchSql {
 public:
  void From(const std::string& table, const char* partition_column) {
    Append(&sql_, sql_.empty() ? "" : " UNION ", "SELECT ", partition_column,
           " AS partition, kafka_offset FROM ", table);
    Append(&searched_, searched_.empty() ? "" : ", ", table);
    joint_ = " WHERE ";
  }
  // `condition` is taken as it is: no value may be a part of it.
  void Where(const std::string& condition) { Append(&sql_, Joint(), condition); }
  void Where(const std::string& before, const std::string& value, const std::string& after = "") {
    parameters_.push_back(value);
    Append(&sql_, Joint(), before, "$", parameters_.size(), after);
  }
  std::string Take(int64_t limit) const {
    return Concat(sql_, " ORDER BY partition, kafka_offset LIMIT ", limit);
  }
  const std::vector<postgres::Parameter>& parameters() const { return parameters_; }
  const std::string& searched() const { return searched_; }

 private:
  std::string Joint() { return std::exchange(joint_, " AND "); }

  std::string sql_;
  std::string searched_;
  std::string joint_;
  std::vector<postgres::Parameter> parameters_;
};

// The bytes of a key that is written as the tables write it.
std::string KeyBytes(const std::string& key) {
  const std::string digits = key.rfind("\\x", 0) == 0 ? key.substr(2) : "";
  const bool hexadecimal =
      !digits.empty() && digits.size() % 2 == 0 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isxdigit(c); });
  return hexadecimal ? absl::HexStringToBytes(digits) : key;
}

void SearchTable(const std::string& table, const RecordQuery& query, SearchSql* sql) {
  sql->From(table, "kafka_partition");
  for (const ColumnCondition& condition : query.columns) {
    sql->Where(Concat(QuoteIdentifier(condition.table_column), " = "), condition.value);
  }
  if (query.key) sql->Where("message_key = ", *query.key);
  if (query.partition) sql->Where("kafka_partition = ", Concat(*query.partition));
}

// A refused row is kept as the text of its JSON, which neither json nor jsonb may be able to read.
// A quote inside of a string is escaped there, so the text of a member is nothing else; the comma
// or the brace behind it says where a number ends. A member of an object is found in any object.
void SearchDeadLetters(const contract::PipelineConfig& pipeline, const RecordQuery& query,
                       SearchSql* sql) {
  sql->From("sluice.dead_letters", "partition");
  sql->Where(OwnRowsSql(pipeline).substr(std::string_view(" WHERE ").size()));
  for (const ColumnCondition& condition : query.columns) {
    sql->Where("(SELECT strpos(record, m || ',') + strpos(record, m || '}') FROM (VALUES (",
               condition.member, "::text)) AS v(m)) > 0");
  }
  if (query.key) {
    sql->Where("message_key = ", Concat("\\x", absl::BytesToHexString(KeyBytes(*query.key))),
               "::bytea");
  }
  if (query.partition) sql->Where("partition = ", Concat(*query.partition));
}

}  // namespace

absl::StatusOr<FoundRecords> FindRecords(postgres::Connection& connection,
                                         const contract::PipelineConfig& pipeline,
                                         const RecordQuery& query) {
  const contract::PostgresSinkConfig& sink = *pipeline.postgres;
  SLUICE_RETURN_IF_ERROR(CheckTables(&connection, sink));
  SearchSql sql;
  SearchTable(QualifiedName(sink, sink.clean_table), query, &sql);
  SearchTable(QualifiedName(sink, sink.failed_table), query, &sql);
  if (query.columns.empty()) SearchTable(QualifiedName(sink, sink.corrupt_table), query, &sql);
  SearchDeadLetters(pipeline, query, &sql);
  const auto rows = connection.Query(sql.Take(query.limit + 1), sql.parameters());
  // Class 22: a value that the column's type does not have.
  if (postgres::SqlState(rows.status()).rfind("22", 0) == 0) {
    return absl::InvalidArgumentError(Concat("--where: ", StdView(rows.status().message())));
  }
  SLUICE_RETURN_IF_ERROR(rows.status());
  FoundRecords found;
  found.searched = sql.searched();
  found.more = rows->rows() > query.limit;
  for (int row = 0; row < rows->rows() && row < query.limit; ++row) {
    found.places.push_back({static_cast<int32_t>(rows->Integer(row, 0)), rows->Integer(row, 1)});
  }
  return found;
}

}  // namespace sluice::sluicectl
