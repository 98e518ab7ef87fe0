#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/operate/reposition.h"
#include "sluicectl/pipeline_argument.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

// The stages in the order of the data. A gap is seen by the stage after the one that has to emit
// again.
constexpr const char* kEmitters[] = {"validated", "checked"};

// The stage before that of `reader`; a sink reads the last one.
std::string StageBefore(const std::string& reader) {
  std::string before;
  for (const char* stage : kEmitters) {
    if (reader == stage) break;
    before = stage;
  }
  return before;
}

class RepairCommand : public Command {
 public:
  const char* name() const override { return "repair"; }
  const char* description() const override {
    return "Make a stage emit again from a source offset, to close a gap behind it";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.add_option("--partition", partition_, "Source partition")->required()->type_name("N");
    app.add_option("--from", from_, "Source offset; early is safe")
        ->required()
        ->type_name("OFFSET")
        ->check(CLI::NonNegativeNumber);
    app.add_flag("--dry-run", dry_run_, "Only say what would happen");
    app.footer(
        "Examples:\n"
        "  sluicectl repair --pipeline telemetry --partition 3 --from 17000 --dry-run\n"
        "  sluicectl repair --pipeline telemetry --partition 3 --from 17000");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target, Choose(processes, pipeline));
    pb::RepairRequest request;
    request.set_pipeline(target.pipeline->pipeline());
    request.set_partition(partition_);
    request.set_from(from_);
    request.set_dry_run(dry_run_);
    SLUICE_ASSIGN_OR_RETURN(const auto response, target.process->client->Repair(request));
    PrintMove(target, partition_, response, dry_run_, settings.format);
    return Outcome::kFine;
  }

 private:
  /// The stage that was named, the only one there is, or the one before whoever reports the gap.
  absl::StatusOr<Target> Choose(std::vector<Process>& processes, const std::string& pipeline) {
    Selection selection{pipeline, flags_.stage, partition_};
    SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets, FindTargets(processes, selection));
    if (targets.size() == 1) return targets.front();
    for (const Target& target : targets) {
      if (!target.FindPartition(partition_)->has_gap_first()) continue;
      selection.stage = StageBefore(target.pipeline->stage());
      return FindTarget(processes, selection);
    }
    return FindTarget(processes, selection);
  }

  TargetFlags flags_;
  int32_t partition_ = 0;
  int64_t from_ = 0;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRepairCommand() { return std::make_unique<RepairCommand>(); }

}  // namespace sluice::sluicectl
