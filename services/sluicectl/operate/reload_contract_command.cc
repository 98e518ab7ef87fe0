#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

Table ChangeTable(const pb::ReloadContractResponse& response) {
  Table table({"change", "backward", "forward", "reason"});
  for (const pb::ContractChange& change : response.changes()) {
    table.AddRow({change.what(), change.backward(), change.forward(),
                  change.reason().empty() ? Json() : Json(change.reason())});
  }
  return table;
}

class ReloadContractCommand : public Command {
 public:
  const char* name() const override { return "reload-contract"; }
  const char* description() const override {
    return "Make the processes read the contract file again, and say what has changed";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.footer(
        "Examples:\n"
        "  sluicectl contract diff deployed.odcs.yaml pipelines/telemetry\n"
        "  sluicectl reload-contract --pipeline telemetry");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    // Only the validator reads the file: all others take the contract that a batch names.
    if (flags_.stage.empty()) flags_.stage = "validated";
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets,
                            FindTargets(processes, {pipeline, flags_.stage, std::nullopt}));
    const bool json = settings.format == Format::kJson;
    std::vector<std::string> columns = {"endpoint", "pipeline",      "stage", "previous_version",
                                        "version",  "compatibility", "result"};
    if (json) columns.push_back("changes");
    Table table(columns);
    Table changes({});
    Outcome outcome = Outcome::kFine;
    for (const Target& target : targets) {
      pb::ReloadContractRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      const auto response = target.process->client->ReloadContract(request);
      std::vector<Json> row = {target.process->endpoint, target.pipeline->pipeline(),
                               target.pipeline->stage()};
      if (response.ok()) {
        for (const std::string& text :
             {response->previous_version(), response->version(), response->compatibility()}) {
          row.push_back(text);
        }
        row.push_back("ok");
        if (json) row.push_back(ChangeTable(*response).ToJson());
        if (changes.empty()) changes = ChangeTable(*response);
      } else {
        outcome = Outcome::kFinding;
        row.resize(6);
        row.push_back(response.status().ToString());
        if (json) row.push_back(Json::Array());
      }
      table.AddRow(std::move(row));
    }
    Print(table, settings.format);
    if (json || changes.empty()) return outcome;
    // The processes read the same file.
    PrintLine("");
    Print(changes, settings.format);
    return outcome;
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeReloadContractCommand() {
  return std::make_unique<ReloadContractCommand>();
}

}  // namespace sluice::sluicectl
