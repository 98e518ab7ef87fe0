#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operation.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

class ReloadContractCommand : public Command {
 public:
  const char* name() const override { return "reload-contract"; }
  const char* description() const override {
    return "Make the processes read the contract file again";
  }
  void AddFlags(CLI::App& app) override { flags_.AddStage(app); }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    // Only the validator reads the file: all others take the contract that a batch names.
    if (flags_.stage.empty()) flags_.stage = "validated";
    return OperateAll(settings, flags_, [](const Target& target, const auto&) {
      pb::ReloadContractRequest request;
      request.set_pipeline(target.pipeline->pipeline());
      return target.process->client->ReloadContract(request).status();
    });
  }

 private:
  TargetFlags flags_;
};

}  // namespace

std::unique_ptr<Command> MakeReloadContractCommand() {
  return std::make_unique<ReloadContractCommand>();
}

}  // namespace sluice::sluicectl
