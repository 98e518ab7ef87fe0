#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class ResumeCommand : public Command {
 public:
  const char* name() const override { return "resume"; }
  const char* description() const override {
    return "Undo pause and drain, and try stopped partitions again";
  }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    flags_.AddPartitions(app);
    app.footer(
        "Examples:\n"
        "  sluicectl resume --pipeline telemetry\n"
        "  sluicectl resume --pipeline telemetry --stage checked --partition 3");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    return OperateAll(settings, flags_, [](const Target& target, const auto& partitions) {
      pb::ResumeRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      request.mutable_partitions()->Assign(partitions.begin(), partitions.end());
      return target.process->client->Resume(request).status();
    });
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeResumeCommand() { return std::make_unique<ResumeCommand>(); }

}  // namespace sluice::sluicectl
