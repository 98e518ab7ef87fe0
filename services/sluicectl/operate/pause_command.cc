#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class PauseCommand : public Command {
 public:
  const char* name() const override { return "pause"; }
  const char* description() const override { return "Stop taking input; the assignment is kept"; }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    flags_.AddPartitions(app);
    app.footer(
        "Examples:\n"
        "  sluicectl pause --pipeline telemetry\n"
        "  sluicectl pause --pipeline telemetry --stage checked --partition 3");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    return OperateAll(settings, flags_, [](const Target& target, const auto& partitions) {
      pb::PauseRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      request.mutable_partitions()->Assign(partitions.begin(), partitions.end());
      return target.process->client->Pause(request).status();
    });
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakePauseCommand() { return std::make_unique<PauseCommand>(); }

}  // namespace sluice::sluicectl
