#include <CLI/CLI.hpp>

#include "absl/time/clock.h"
#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/status_view.h"
#include "sluicectl/pipeline_argument.h"

namespace sluice::sluicectl {
namespace {

class StatusCommand : public Command {
 public:
  const char* name() const override { return "status"; }
  const char* description() const override {
    return "Show each process and partition once: state, position, lag, verdicts, trouble";
  }
  void AddFlags(CLI::App& app) override {
    app.footer(
        "Examples:\n"
        "  sluicectl status --pipeline telemetry\n"
        "  sluicectl status -o json");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    if (settings.format == Format::kJson) {
      PrintLine(StatusJson(processes, pipeline).Dump());
    } else {
      Print(StatusTable(processes, pipeline, nullptr), settings.format);
    }
    return NeedsOperator(processes, settings, pipeline) ? Outcome::kFinding : Outcome::kFine;
  }
};

}  // namespace

std::unique_ptr<Command> MakeStatusCommand() { return std::make_unique<StatusCommand>(); }

}  // namespace sluice::sluicectl
