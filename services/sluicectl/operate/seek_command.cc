#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/operate/reposition.h"
#include "sluicectl/pipeline_argument.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class SeekCommand : public Command {
 public:
  const char* name() const override { return "seek"; }
  const char* description() const override {
    return "Move a paused partition to an earlier offset; repeats are trimmed downstream";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.add_option("--partition", partition_, "Source partition")->required()->type_name("N");
    app.add_option("--offset", offset_, "Source offset to go on from")
        ->required()
        ->type_name("OFFSET")
        ->check(CLI::NonNegativeNumber);
    app.add_flag("--dry-run", dry_run_, "Only say what would happen");
    app.footer(
        "Examples:\n"
        "  sluicectl pause --pipeline telemetry --stage checked --partition 3\n"
        "  sluicectl seek --pipeline telemetry --stage checked --partition 3 --offset 17000 "
        "--dry-run\n"
        "  sluicectl resume --pipeline telemetry --stage checked --partition 3");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target,
                            FindTarget(processes, {pipeline, flags_.stage, partition_}));
    pb::SeekRequest request;
    request.set_pipeline(target.pipeline->pipeline());
    request.set_partition(partition_);
    request.set_offset(offset_);
    request.set_dry_run(dry_run_);
    SLUICE_ASSIGN_OR_RETURN(const auto response, target.process->client->Seek(request));
    PrintMove(target, partition_, response, dry_run_, settings.format);
    return Outcome::kFine;
  }

 private:
  TargetFlags flags_;
  int32_t partition_ = 0;
  int64_t offset_ = 0;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSeekCommand() { return std::make_unique<SeekCommand>(); }

}  // namespace sluice::sluicectl
