#include "sluicectl/records/dead_letters.h"

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "sluicectl/records/landed_rows.h"

namespace sluice::sluicectl {
namespace {

using postgres::QuoteLiteral;

// The columns of every source, in the order of the letters below.
std::string SourceSql(const contract::PipelineConfig& pipeline, const std::string& from) {
  const contract::PostgresSinkConfig& sink = *pipeline.postgres;
  const auto table = [&](const std::string& name, const char* verdict, const char* reason) {
    return Concat("SELECT kafka_partition AS partition, kafka_offset, ", reason,
                  " AS reason, NULL::text AS message, ", QuoteLiteral(name), " AS target, '",
                  verdict, "' AS verdict, 'new' AS state, load_timestamp AS created_at, ",
                  "NULL::text AS key, NULL::text AS value FROM ", QualifiedName(sink, name));
  };
  if (from == "corrupt") return table(sink.corrupt_table, "corrupt", "error_reason");
  if (from == "failed") return table(sink.failed_table, "failed", "qc_summary");
  return Concat(
      "SELECT partition, kafka_offset, sql_state AS reason, message, target, verdict, state, "
      "created_at, encode(message_key, 'hex') AS key, "
      "encode(convert_to(record, 'UTF8'), 'hex') AS value FROM sluice.dead_letters",
      OwnRowsSql(pipeline));
}

// A replay that is in the clean table is one; so is one that is in none of the others.
std::string StateSql(const contract::PipelineConfig& pipeline) {
  const contract::PostgresSinkConfig& sink = *pipeline.postgres;
  const auto is_in = [&](const std::string& table) {
    return Concat("EXISTS (SELECT FROM ", QualifiedName(sink, table),
                  " t WHERE t.kafka_partition = l.partition AND t.kafka_offset = r.replay_offset)");
  };
  return Concat("CASE WHEN l.state <> 'new' AND l.state <> 'replayed' THEN l.state",
                " WHEN r.replay_offset IS NULL AND r.value IS NOT NULL THEN 'fixed'",
                " WHEN r.replay_offset IS NULL THEN l.state",
                " WHEN c.next_offset IS NULL OR c.next_offset <= r.replay_offset OR ",
                is_in(sink.corrupt_table), " OR ", is_in(sink.failed_table),
                " OR EXISTS (SELECT FROM sluice.dead_letters", OwnRowsSql(pipeline),
                " AND partition = l.partition AND kafka_offset = r.replay_offset) THEN 'replayed'",
                " ELSE 'resolved' END");
}

std::string LettersSql(const contract::PipelineConfig& pipeline, const std::string& topic_id,
                       const std::string& from) {
  return Concat(
      "SELECT * FROM (SELECT l.partition, l.kafka_offset, ", StateSql(pipeline),
      " AS state, l.reason, l.message, l.target, l.verdict, l.created_at, r.replay_offset, "
      "encode(r.value, 'hex') AS edited, l.key, l.value FROM (",
      SourceSql(pipeline, from),
      ") l LEFT JOIN sluice.replays r ON r.topic = ", QuoteLiteral(pipeline.source_topic),
      " AND r.topic_id = ", QuoteLiteral(topic_id),
      " AND r.partition = l.partition AND r.kafka_offset = l.kafka_offset "
      "LEFT JOIN (SELECT partition, next_offset FROM sluice.coverage",
      OwnRowsSql(pipeline), ") c ON c.partition = l.partition) letters WHERE true");
}

std::optional<std::string> Bytes(const postgres::Result& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return absl::HexStringToBytes(AbslView(rows.Text(row, column)));
}

}  // namespace

absl::StatusOr<std::vector<DeadLetter>> FindLetters(postgres::Connection& connection,
                                                    const contract::PipelineConfig& pipeline,
                                                    const std::string& topic_id,
                                                    const LetterFilter& filter) {
  std::string sql = LettersSql(pipeline, topic_id, filter.from);
  std::vector<postgres::Parameter> parameters;
  const auto narrow = [&](std::string_view condition, std::string value) {
    parameters.push_back(std::move(value));
    Append(&sql, " AND ", condition, "$", parameters.size());
  };
  if (!filter.state.empty()) narrow("state = ", filter.state);
  if (filter.open) sql += " AND state IN ('new', 'fixed')";
  if (!filter.reason.empty()) {
    narrow("starts_with(reason, ", filter.reason);
    sql += ")";
  }
  if (filter.partition) narrow("partition = ", Concat(*filter.partition));
  if (filter.offset) narrow("kafka_offset = ", Concat(*filter.offset));
  if (!filter.since.empty()) {
    narrow("created_at >= ", filter.since);
    sql += "::timestamptz";
  }
  if (!filter.until.empty()) {
    narrow("created_at < ", filter.until);
    sql += "::timestamptz";
  }
  if (!filter.rule.empty()) {
    narrow(Concat("EXISTS (SELECT FROM sluice.cell_failures f WHERE f.pipeline = ",
                  QuoteLiteral(pipeline.name), " AND f.generation = ", pipeline.generation,
                  " AND f.topic = ", QuoteLiteral(pipeline.source_topic),
                  " AND f.partition = letters.partition AND f.kafka_offset = letters.kafka_offset"
                  " AND f.rule_id = "),
           filter.rule);
    sql += ")";
  }
  Append(&sql, " ORDER BY partition, kafka_offset LIMIT ", filter.limit);
  SLUICE_ASSIGN_OR_RETURN(const postgres::Result rows, connection.Query(sql, parameters));
  std::vector<DeadLetter> letters;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto text = [&](int column) { return std::string(rows.Text(row, column)); };
    letters.push_back({static_cast<int32_t>(rows.Integer(row, 0)), rows.Integer(row, 1), text(2),
                       text(3), text(4), text(5), text(6), text(7), rows.OptionalInteger(row, 8),
                       Bytes(rows, row, 9), Bytes(rows, row, 10), Bytes(rows, row, 11)});
  }
  return letters;
}

}  // namespace sluice::sluicectl
