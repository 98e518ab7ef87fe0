#include "sluicectl/records/record_story.h"

#include <algorithm>

#include "absl/time/time.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/row_json.h"
#include "contract/classification.h"
#include "rules/explanation.h"
#include "sluicectl/records/landed_rows.h"
#include "stage/topics.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr size_t kShownBytes = 4096;

std::optional<std::string_view> Capped(std::optional<std::string_view> bytes) {
  return bytes ? std::optional(bytes->substr(0, kShownBytes)) : std::nullopt;
}

std::vector<postgres::Parameter> Coordinates(RecordPlace place) {
  return {Concat(place.partition), Concat(place.offset)};
}

Json Timestamp(int64_t milliseconds) {
  return milliseconds < 0
             ? Json()
             : Json(absl::FormatTime(absl::FromUnixMillis(milliseconds), absl::UTCTimeZone()));
}

Json Value(const Redaction& redaction, const contract::Contract& contract,
           const contract::Rule& rule, const std::optional<std::string>& value) {
  if (!value) return {};
  return redaction.Hides(contract, rule) ? Json(contract::kRedacted) : Json(*value);
}

absl::StatusOr<Table> RulesOf(const TrailPoint& point, const Redaction& redaction) {
  rules::RuleEvaluator evaluator(point.contract);
  SLUICE_ASSIGN_OR_RETURN(const auto results, rules::Explain(&evaluator, *point.rows, point.row));
  Table table({"rule", "column", "severity", "passed", "value", "what_is_wrong"});
  for (const rules::RuleResult& result : results) {
    const contract::Rule& rule = point.contract->rules[static_cast<size_t>(result.rule)];
    table.AddRow({rule.id, rule.column.empty() ? Json() : Json(rule.column), rule.severity,
                  result.passed, Value(redaction, *point.contract, rule, result.value),
                  result.passed ? Json() : Json(rule.summary)});
  }
  return table;
}

}  // namespace

std::string RecordStory::ToText() const {
  std::string story;
  for (const auto& [key, table] : chapters_) {
    std::string heading = key;
    std::replace(heading.begin(), heading.end(), '_', ' ');
    std::string text = table.empty() ? "nothing\n" : table.ToText();
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) text.insert(at, "  ");
    Append(&story, story.empty() ? "" : "\n", heading, "\n", text);
  }
  return story;
}

Json RecordStory::ToJson() const {
  Json json = Json::Object();
  for (const auto& [key, table] : chapters_) json.Set(key, table.ToJson());
  return json;
}

absl::StatusOr<RecordStory> StoryTeller::Tell(RecordPlace place) {
  RecordStory story;
  // First, because the contracts that judged the record say what of it may be shown.
  SLUICE_ASSIGN_OR_RETURN(const std::vector<TrailPoint> trail, FindTrail(place));
  SLUICE_RETURN_IF_ERROR(TellSource(place, &story));
  SLUICE_RETURN_IF_ERROR(TellStages(trail, &story));
  if (database_ != nullptr) {
    SLUICE_RETURN_IF_ERROR(TellRows(place, &story));
    SLUICE_RETURN_IF_ERROR(TellCommit(place, &story));
  }
  return story;
}

absl::StatusOr<std::vector<TrailPoint>> StoryTeller::FindTrail(RecordPlace place) {
  std::vector<TrailPoint> trail;
  for (const char* stage : {stage::kValidatedStage, stage::kCheckedStage}) {
    SLUICE_ASSIGN_OR_RETURN(
        std::optional<TrailPoint> point,
        FindInStage(admin_, contracts_, pipeline_, stage, place.partition, place.offset));
    if (!point) continue;
    if (point->contract) redaction_.Add(*point->contract);
    trail.push_back(*std::move(point));
  }
  return trail;
}

absl::Status StoryTeller::TellSource(RecordPlace place, RecordStory* story) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto messages,
      admin_.Read({pipeline_.source_topic, place.partition}, place.offset, 1, kRequestTimeout));
  Table table({"topic", "partition", "offset", "timestamp", "record_id", "key", "bytes", "value"});
  if (!messages.empty() && messages[0].offset() == place.offset) {
    const kafka::Message& message = messages[0];
    const auto id = Capped(message.Header("sluice-record-id"));
    table.AddRow({pipeline_.source_topic, place.partition, place.offset,
                  Timestamp(message.timestamp_ms()), id ? Json(*id) : Json(),
                  redaction_.Bytes(Capped(message.key())),
                  message.value() ? Json(message.value()->size()) : Json(),
                  redaction_.Bytes(Capped(message.value()))});
    story->known_ = true;
  }
  story->chapters_.emplace_back("record_in_kafka", std::move(table));
  return absl::OkStatus();
}

absl::Status StoryTeller::TellStages(const std::vector<TrailPoint>& trail, RecordStory* story) {
  Table table(
      {"stage", "internal_offset", "batch_first", "batch_next", "verdict", "reason", "contract"});
  for (const TrailPoint& point : trail) {
    const auto verdict = point.verdict();
    table.AddRow({point.stage, point.internal_offset, point.coverage.range.first,
                  point.coverage.range.next, verdict ? Json(batch::Name(*verdict)) : Json(),
                  point.reason().empty() ? Json() : Json(point.reason()),
                  point.coverage.contract.version});
    story->known_ = true;
  }
  story->chapters_.emplace_back("verdicts", std::move(table));
  if (trail.empty() || !trail.back().has_columns()) return absl::OkStatus();
  const TrailPoint& judged = trail.back();
  Table columns({"columns"});
  columns.AddRow({Json::Raw(redaction_.Row(*judged.contract, *judged.rows, judged.row))});
  story->chapters_.emplace_back("record", std::move(columns));
  SLUICE_ASSIGN_OR_RETURN(Table rules, RulesOf(judged, redaction_));
  story->chapters_.emplace_back("rules", std::move(rules));
  return absl::OkStatus();
}

absl::Status StoryTeller::TellRows(RecordPlace place, RecordStory* story) {
  const contract::PostgresSinkConfig& sink = *pipeline_.postgres;
  Table rows({"table", "row"});
  const auto add = [&](const std::string& table, const std::string& from,
                       const std::vector<std::string>& bytes) -> absl::Status {
    std::vector<postgres::Parameter> parameters = Coordinates(place);
    const std::string row_sql = redaction_.RowSql(bytes, &parameters);
    SLUICE_ASSIGN_OR_RETURN(
        const postgres::Result found,
        database_->Query(Concat("SELECT ", row_sql, " FROM ", from), parameters));
    for (int row = 0; row < found.rows(); ++row)
      rows.AddRow({table, Json::Raw(found.Text(row, 0))});
    return absl::OkStatus();
  };
  for (const std::string& table : {sink.clean_table, sink.failed_table, sink.corrupt_table}) {
    std::vector<std::string> bytes = {"message_key"};
    if (table == sink.corrupt_table) bytes.insert(bytes.end(), {"value_str", "raw"});
    SLUICE_RETURN_IF_ERROR(add(
        table,
        Concat(QualifiedName(sink, table), " t WHERE kafka_partition = $1 AND kafka_offset = $2"),
        bytes));
  }
  SLUICE_RETURN_IF_ERROR(add("sluice.dead_letters",
                             Concat("sluice.dead_letters t", OwnRowsSql(pipeline_),
                                    " AND partition = $1 AND kafka_offset = $2"),
                             {"message_key", "record", "raw"}));
  story->chapters_.emplace_back("rows_in_postgresql", std::move(rows));
  return absl::OkStatus();
}

absl::Status StoryTeller::TellCommit(RecordPlace place, RecordStory* story) {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result commits,
      database_->Query(
          Concat("SELECT first_offset, next_offset, records_read, epoch, instance, committed_at "
                 "FROM sluice.ledger",
                 OwnRowsSql(pipeline_),
                 " AND partition = $1 AND first_offset <= $2 AND next_offset > $2"),
          Coordinates(place)));
  Table table({"first", "next", "records", "epoch", "instance", "committed_at"});
  for (int row = 0; row < commits.rows(); ++row) {
    table.AddRow({commits.Integer(row, 0), commits.Integer(row, 1), commits.Integer(row, 2),
                  commits.Integer(row, 3), commits.Text(row, 4), commits.Text(row, 5)});
    story->known_ = true;
  }
  story->chapters_.emplace_back("commit", std::move(table));
  return absl::OkStatus();
}

}  // namespace sluice::sluicectl
