#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class DrainCommand : public Command {
 public:
  const char* name() const override { return "drain"; }
  const char* description() const override { return "Take no new input and finish what was read"; }
  void AddFlags(CLI::App& app) override {
    flags_.AddStage(app);
    app.footer(
        "Examples:\n"
        "  sluicectl drain --pipeline telemetry --stage validated");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    return OperateAll(settings, flags_, [](const Target& target, const auto&) {
      pb::DrainRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      return target.process->client->Drain(request).status();
    });
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeDrainCommand() { return std::make_unique<DrainCommand>(); }

}  // namespace sluice::sluicectl
