#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class ConfigCommand : public Command {
 public:
  const char* name() const override { return "config"; }
  const char* description() const override {
    return "Show the effective configuration of the processes, as JSON, one a line";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.footer(
        "Examples:\n"
        "  sluicectl config --pipeline telemetry --stage checked");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets,
                            FindTargets(processes, {pipeline, flags_.stage, std::nullopt}));
    for (const Target& target : targets) {
      pb::GetConfigRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      SLUICE_ASSIGN_OR_RETURN(const auto response, target.process->client->GetConfig(request));
      Json json = Json::Object();
      json.Set("endpoint", target.process->endpoint).Set("stage", target.pipeline->stage());
      PrintLine(json.Set("config", Json::Raw(response.config_json())).Dump());
    }
    return Outcome::kFine;
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeConfigCommand() { return std::make_unique<ConfigCommand>(); }

}  // namespace sluice::sluicectl
