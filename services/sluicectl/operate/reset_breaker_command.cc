#include <iostream>

#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/operate/reposition.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/question.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class ResetBreakerCommand : public Command {
 public:
  const char* name() const override { return "reset-breaker"; }
  const char* description() const override {
    return "Let the records pass that made qc stop a partition; asks";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("--partition", partition_, "Source partition")->required()->type_name("N");
    app.add_option("--until", until_,
                   "Let every record before this offset pass (default: the one that broke a rule "
                   "with action fail, or the rest of the window with too many failures)")
        ->type_name("OFFSET");
    app.add_flag("--dry-run", dry_run_, "Only say what would pass");
    app.add_flag("--yes", yes_, "Do not ask");
    app.footer(
        "Examples:\n"
        "  sluicectl reset-breaker --pipeline telemetry --partition 3 --dry-run\n"
        "  sluicectl reset-breaker --pipeline telemetry --partition 3 --until 20000 --yes");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target,
                            FindTarget(processes, {pipeline, "checked", partition_}));
    pb::ResetBreakerRequest request;
    request.set_pipeline(target.pipeline->pipeline());
    request.set_partition(partition_);
    if (until_) request.set_until(*until_);
    request.set_dry_run(true);
    SLUICE_ASSIGN_OR_RETURN(pb::ResetBreakerResponse reset,
                            target.process->client->ResetBreaker(request));
    std::cerr << reset.reason() << "\n";
    if (!dry_run_) {
      if (!yes_) {
        SLUICE_RETURN_IF_ERROR(Confirm(Concat("Offsets [", reset.from(), ", ", reset.to(),
                                              ") will pass with the verdicts they have.")));
      }
      request.set_dry_run(false);
      request.set_at(reset.from());  // not another one that nobody has looked at
      SLUICE_ASSIGN_OR_RETURN(reset, target.process->client->ResetBreaker(request));
    }
    PrintMove(target, partition_, reset, dry_run_, settings.format);
    return Outcome::kFine;
  }

 private:
  int32_t partition_ = 0;
  std::optional<int64_t> until_;
  bool dry_run_ = false;
  bool yes_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeResetBreakerCommand() {
  return std::make_unique<ResetBreakerCommand>();
}

}  // namespace sluice::sluicectl
