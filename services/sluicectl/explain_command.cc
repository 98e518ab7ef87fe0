#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/time/time.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/row_json.h"
#include "rules/explanation.h"
#include "sluicectl/commands.h"
#include "sluicectl/database.h"
#include "sluicectl/landed_rows.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/record_trail.h"
#include "sluicectl/table.h"
#include "stage/topics.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr size_t kShownBytes = 4096;

// The story told so far: chapters for people, members of one object for programs.
class Story {
 public:
  explicit Story(Format format) : format_(format) {}

  void Tell(const std::string& key, const Table& table) {
    if (format_ == Format::kJson) {
      json_.Set(key, table.ToJson());
      return;
    }
    std::string heading = key;
    std::replace(heading.begin(), heading.end(), '_', ' ');
    PrintLine(heading);
    std::string text = table.empty() ? "nothing\n" : table.ToText();
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) text.insert(at, "  ");
    PrintLine(text);
  }
  void End() const {
    if (format_ == Format::kJson) PrintLine(json_.Dump());
  }

 private:
  const Format format_;
  Json json_ = Json::Object();
};

class ExplainCommand : public Command {
 public:
  const char* name() const override { return "explain"; }
  const char* description() const override {
    return "Tell one record's story: bytes, verdict per stage, rules with values, rows, commit";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("--partition", partition_, "Source partition")
        ->required()
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--offset", offset_, "Source offset")
        ->required()
        ->type_name("OFFSET")
        ->check(CLI::NonNegativeNumber);
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const contract::PipelineConfig pipeline,
                            LoadPipelineArgument(settings.pipeline));
    SLUICE_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::Create(settings.kafka));
    Story story(settings.format);
    SLUICE_ASSIGN_OR_RETURN(const bool in_kafka, TellSource(*admin, pipeline, &story));
    SLUICE_ASSIGN_OR_RETURN(const bool judged, TellStages(*admin, settings, pipeline, &story));
    bool landed = false;
    if (pipeline.postgres && !settings.database_url.empty()) {
      SLUICE_ASSIGN_OR_RETURN(landed, TellDatabase(settings, pipeline, &story));
    }
    story.End();
    return in_kafka || judged || landed ? Outcome::kFine : Outcome::kFinding;
  }

 private:
  absl::StatusOr<bool> TellSource(kafka::Admin& admin, const contract::PipelineConfig& pipeline,
                                  Story* story) {
    const kafka::TopicPartition partition{pipeline.source_topic, partition_};
    SLUICE_ASSIGN_OR_RETURN(const auto messages,
                            admin.Read(partition, offset_, 1, kRequestTimeout));
    Table table(
        {"topic", "partition", "offset", "timestamp", "record_id", "key", "bytes", "value"});
    const bool found = !messages.empty() && messages[0].offset() == offset_;
    if (found) {
      const kafka::Message& message = messages[0];
      const auto text = [](std::optional<std::string_view> bytes) {
        return bytes ? Json(bytes->substr(0, kShownBytes)) : Json();
      };
      table.AddRow({pipeline.source_topic, partition_, offset_,
                    message.timestamp_ms() < 0
                        ? Json()
                        : Json(absl::FormatTime(absl::FromUnixMillis(message.timestamp_ms()),
                                                absl::UTCTimeZone())),
                    text(message.Header("sluice-record-id")), text(message.key()),
                    message.value() ? Json(message.value()->size()) : Json(),
                    text(message.value())});
    }
    story->Tell("record_in_kafka", table);
    return found;
  }

  absl::StatusOr<bool> TellStages(kafka::Admin& admin, const Settings& settings,
                                  const contract::PipelineConfig& pipeline, Story* story) {
    stage::ContractStore contracts(settings.kafka, &admin);
    Table table(
        {"stage", "internal_offset", "batch_first", "batch_next", "verdict", "reason", "contract"});
    std::optional<TrailPoint> judged;
    for (const char* stage : {stage::kValidatedStage, stage::kCheckedStage}) {
      SLUICE_ASSIGN_OR_RETURN(std::optional<TrailPoint> point,
                              FindInStage(admin, contracts, pipeline, stage, partition_, offset_));
      if (!point) continue;
      const auto verdict = point->verdict();
      table.AddRow({stage, point->internal_offset, point->coverage.range.first,
                    point->coverage.range.next, verdict ? Json(batch::Name(*verdict)) : Json(),
                    point->reason().empty() ? Json() : Json(point->reason()),
                    point->coverage.contract.version});
      judged = std::move(point);
    }
    story->Tell("verdicts", table);
    if (judged && judged->has_columns()) SLUICE_RETURN_IF_ERROR(TellRules(*judged, story));
    return judged.has_value();
  }

  absl::Status TellRules(const TrailPoint& point, Story* story) {
    Table columns({"columns"});
    columns.AddRow({Json::Raw(batch::RowJson(*point.rows, point.row))});
    story->Tell("record", columns);
    rules::RuleEvaluator evaluator(point.contract);
    SLUICE_ASSIGN_OR_RETURN(const auto results, rules::Explain(&evaluator, *point.rows, point.row));
    Table table({"rule", "column", "severity", "passed", "value", "what_is_wrong"});
    for (const rules::RuleResult& result : results) {
      const contract::Rule& rule = point.contract->rules[static_cast<size_t>(result.rule)];
      table.AddRow({rule.id, rule.column.empty() ? Json() : Json(rule.column), rule.severity,
                    result.passed, result.value ? Json(*result.value) : Json(),
                    result.passed ? Json() : Json(rule.summary)});
    }
    story->Tell("rules", table);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> TellDatabase(const Settings& settings,
                                    const contract::PipelineConfig& pipeline, Story* story) {
    SLUICE_ASSIGN_OR_RETURN(const auto connection, ConnectDatabase(settings));
    const contract::PostgresSinkConfig& sink = *pipeline.postgres;
    const std::vector<postgres::Parameter> where = {Concat(partition_), Concat(offset_)};
    Table rows({"table", "row"});
    for (const std::string& table : {sink.clean_table, sink.failed_table, sink.corrupt_table}) {
      SLUICE_ASSIGN_OR_RETURN(
          const postgres::Result found,
          connection->Query(Concat("SELECT row_to_json(t) FROM ", QualifiedName(sink, table),
                                   " t WHERE kafka_partition = $1 AND kafka_offset = $2"),
                            where));
      for (int row = 0; row < found.rows(); ++row)
        rows.AddRow({table, Json::Raw(found.Text(row, 0))});
    }
    const std::string own =
        Concat(OwnRowsSql(pipeline), " AND partition = $1 AND kafka_offset = $2");
    SLUICE_ASSIGN_OR_RETURN(
        const postgres::Result letters,
        connection->Query(Concat("SELECT row_to_json(t) FROM sluice.dead_letters t", own), where));
    for (int row = 0; row < letters.rows(); ++row) {
      rows.AddRow({"sluice.dead_letters", Json::Raw(letters.Text(row, 0))});
    }
    story->Tell("rows_in_postgresql", rows);
    return TellCommit(*connection, pipeline, where, story);
  }

  absl::StatusOr<bool> TellCommit(postgres::Connection& connection,
                                  const contract::PipelineConfig& pipeline,
                                  const std::vector<postgres::Parameter>& where, Story* story) {
    SLUICE_ASSIGN_OR_RETURN(
        const postgres::Result commits,
        connection.Query(
            Concat("SELECT first_offset, next_offset, records_read, epoch, instance, committed_at "
                   "FROM sluice.ledger",
                   OwnRowsSql(pipeline),
                   " AND partition = $1 AND first_offset <= $2 AND next_offset > $2"),
            where));
    Table table({"first", "next", "records", "epoch", "instance", "committed_at"});
    for (int row = 0; row < commits.rows(); ++row) {
      table.AddRow({commits.Integer(row, 0), commits.Integer(row, 1), commits.Integer(row, 2),
                    commits.Integer(row, 3), commits.Text(row, 4), commits.Text(row, 5)});
    }
    story->Tell("commit", table);
    return !table.empty();
  }

  int32_t partition_ = 0;
  int64_t offset_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeExplainCommand() { return std::make_unique<ExplainCommand>(); }

}  // namespace sluice::sluicectl
