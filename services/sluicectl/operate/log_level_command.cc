#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class LogLevelCommand : public Command {
 public:
  const char* name() const override { return "log-level"; }
  const char* description() const override {
    return "Change the log level of the processes until they end";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("LEVEL", level_, "debug, info, warn or error")
        ->required()
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    app.footer(
        "Examples:\n"
        "  sluicectl log-level debug\n"
        "  sluicectl log-level info");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    Table table({"endpoint", "before", "now"});
    bool reached = false;
    for (const Process& process : AskAll(settings)) {
      if (!process.status.ok()) continue;
      pb::SetLogLevelRequest request;
      request.set_level(level_);
      SLUICE_ASSIGN_OR_RETURN(const auto response, process.client->SetLogLevel(request));
      table.AddRow({process.endpoint, response.previous_level(), level_});
      reached = true;
    }
    if (!reached) return absl::UnavailableError("no process answers; name one with --endpoint");
    Print(table, settings.format);
    return Outcome::kFine;
  }

 private:
  std::string level_;
};

}  // namespace

std::unique_ptr<Command> MakeLogLevelCommand() { return std::make_unique<LogLevelCommand>(); }

}  // namespace sluice::sluicectl
