#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/records/redaction.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

std::string Rules(const pb::TapResponse& record) {
  std::string text;
  for (const std::string& rule : record.failed_rules())
    Append(&text, text.empty() ? "" : ",", rule);
  return text;
}

std::string ToLine(const pb::TapResponse& record) {
  std::string line = Concat(record.partition(), "@", record.offset(), "  ", record.verdict());
  if (!record.reason().empty()) Append(&line, " (", record.reason(), ")");
  if (record.failed_rules_size() > 0) Append(&line, " (", Rules(record), ")");
  // The columns are JSON, which holds no control characters; raw bytes may hold anything.
  Append(&line, "  ", record.columns() ? record.value() : Json(record.value()).Text());
  return line;
}

Json ToJson(const pb::TapResponse& record) {
  Json rules = Json::Array();
  for (const std::string& rule : record.failed_rules()) rules.Add(rule);
  Json json = Json::Object();
  json.Set("partition", record.partition()).Set("offset", record.offset());
  json.Set("timestamp_ms", record.timestamp_ms()).Set("verdict", record.verdict());
  json.Set("reason", record.reason().empty() ? Json() : Json(record.reason()));
  json.Set("failed_rules", std::move(rules)).Set("key", record.key());
  json.Set(record.columns() ? "columns" : "raw",
           record.columns() ? Json::Raw(record.value()) : Json(record.value()));
  json.Set("redacted", record.redacted());
  return json;
}

class TapCommand : public Command {
 public:
  const char* name() const override { return "tap"; }
  const char* description() const override {
    return "Show a sample of the records that a stage emits now; never slows it";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("STAGE", stage_, "validated, checked, simulator or a sink's name")->required();
    app.add_option("--verdict", request_verdict_, "Only records with this verdict")
        ->type_name("NAME");
    app.add_option("--rule", rule_, "Only records that break this rule")->type_name("ID");
    app.add_option("--column", column_, "Only records that break a rule of this column")
        ->type_name("NAME");
    app.add_option("--reason", reason_, "Only records that are corrupt for this reason")
        ->type_name("NAME");
    partition_flag_ =
        app.add_option("--partition", partition_, "Only this partition")->type_name("N");
    app.add_option("--limit", limit_, "At most this many records")
        ->type_name("N")
        ->check(CLI::Range(int64_t{1}, int64_t{100000}))
        ->capture_default_str();
    app.add_option("--seconds", seconds_, "End after this long; 0: only by the limit")
        ->type_name("S")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    AddShowClassified(&app, &show_classified_);
    app.footer(
        "All filters that are given have to be true of a record; the service applies them. Rules "
        "and "
        "columns are those of\nthe contract in force; the validator evaluates no rules.\n\n"
        "Examples:\n"
        "  sluicectl tap validated --reason invalid_json --limit 5\n"
        "  sluicectl tap checked --verdict failed --column speed_kmph\n"
        "  sluicectl tap checked --rule not_hot_empty_and_fast --seconds 0 -o json");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    Selection selection{pipeline, stage_, std::nullopt};
    if (partition_flag_->count() > 0) selection.partition = partition_;
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target, FindTarget(processes, selection));

    pb::TapRequest request;
    request.set_pipeline(target.pipeline->pipeline());
    request.set_verdict(request_verdict_);
    request.set_rule(rule_);
    request.set_column(column_);
    request.set_reason(reason_);
    request.set_show_classified(show_classified_);
    if (selection.partition) request.set_partition(partition_);
    request.set_limit(limit_);
    request.set_duration_ms(static_cast<int64_t>(seconds_ * 1000));
    return Stream(target, request, settings.format);
  }

 private:
  absl::StatusOr<Outcome> Stream(const Target& target, const pb::TapRequest& request,
                                 Format format) {
    int64_t records = 0;
    const absl::Status status =
        target.process->client->Tap(request, [&](const pb::TapResponse& record) {
          PrintLine(format == Format::kJson ? ToJson(record).Dump() : ToLine(record));
          std::fflush(stdout);
          ++records;
        });
    SLUICE_RETURN_IF_ERROR(status);
    if (records == 0) std::fprintf(stderr, "no record came by\n");
    return Outcome::kFine;
  }

  std::string stage_;
  std::string request_verdict_;
  std::string rule_, column_, reason_;
  bool show_classified_ = false;
  int32_t partition_ = 0;
  CLI::Option* partition_flag_ = nullptr;
  int64_t limit_ = 100;
  double seconds_ = 30;
};

}  // namespace

std::unique_ptr<Command> MakeTapCommand() { return std::make_unique<TapCommand>(); }

}  // namespace sluice::sluicectl
