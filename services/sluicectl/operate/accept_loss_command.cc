#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/operate/reposition.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/question.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

absl::Status ConfirmTwice(const pb::AcceptLossResponse& loss) {
  SLUICE_RETURN_IF_ERROR(Confirm(Concat("Records with offsets [", loss.from(), ", ", loss.to(),
                                        ") will be counted as lost, for good.")));
  if (Ask("To confirm, type the number of offsets in that range: ") !=
      Concat(loss.to() - loss.from())) {
    return absl::CancelledError("nothing was changed");
  }
  return absl::OkStatus();
}

class AcceptLossCommand : public Command {
 public:
  const char* name() const override { return "accept-loss"; }
  const char* description() const override {
    return "Accept that records before the begin of the log are lost; asks twice";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.add_option("--partition", partition_, "Source partition")->required()->type_name("N");
    app.add_flag("--dry-run", dry_run_, "Only say what would be lost");
    app.add_flag("--yes", yes_, "Do not ask");
    app.footer(
        "Examples:\n"
        "  sluicectl accept-loss --pipeline telemetry --partition 3 --dry-run\n"
        "  sluicectl accept-loss --pipeline telemetry --partition 3");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target, Choose(processes, pipeline));
    SLUICE_ASSIGN_OR_RETURN(pb::AcceptLossResponse loss, Accept(target, /*dry_run=*/true));
    if (!dry_run_) {
      if (!yes_) SLUICE_RETURN_IF_ERROR(ConfirmTwice(loss));
      SLUICE_ASSIGN_OR_RETURN(loss, Accept(target, /*dry_run=*/false));
    }
    PrintMove(target, partition_, loss, dry_run_, settings.format);
    return Outcome::kFine;
  }

 private:
  /// The stage that was named, or the earliest one that is stopped on this partition.
  absl::StatusOr<Target> Choose(std::vector<Process>& processes, const std::string& pipeline) {
    const Selection selection{pipeline, flags_.stage, partition_};
    SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets, FindTargets(processes, selection));
    if (targets.size() == 1) return targets.front();
    for (const char* stage : {"validated", "checked", ""}) {
      for (const Target& target : targets) {
        const bool stopped =
            target.FindPartition(partition_)->state() == pb::PARTITION_STATE_STOPPED;
        if (stopped && (*stage == '\0' || target.pipeline->stage() == stage)) return target;
      }
    }
    return absl::FailedPreconditionError(
        Concat("no process has stopped partition ", partition_, ": there is no loss to accept"));
  }

  absl::StatusOr<pb::AcceptLossResponse> Accept(const Target& target, bool dry_run) {
    pb::AcceptLossRequest request;
    request.set_pipeline(target.pipeline->pipeline());
    request.set_partition(partition_);
    request.set_dry_run(dry_run);
    return target.process->client->AcceptLoss(request);
  }

  TargetFlags flags_;
  int32_t partition_ = 0;
  bool dry_run_ = false;
  bool yes_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeAcceptLossCommand() { return std::make_unique<AcceptLossCommand>(); }

}  // namespace sluice::sluicectl
