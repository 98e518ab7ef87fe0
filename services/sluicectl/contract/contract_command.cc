#include <vector>

#include "base/status.h"
#include "contract/lint.h"
#include "sluicectl/commands.h"
#include "sluicectl/contract/contract_commands.h"

namespace sluice::sluicectl {
namespace {

class ContractCommand : public Command {
 public:
  const char* name() const override { return "contract"; }
  const char* description() const override {
    return "Check and try a contract on files, or on the records of a topic";
  }
  void AddFlags(CLI::App& app) override {
    using Make = std::unique_ptr<Command> (*)();
    constexpr Make kTools[] = {MakeContractLintCommand, MakeContractTestCommand,
                               MakeContractDiffCommand, MakeContractShadowCommand,
                               MakeContractDdlCommand,  MakeContractInferCommand};
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  sluicectl contract lint pipelines/orders\n"
        "  sluicectl contract test pipelines/orders --sample orders.csv");
    for (const Make make : kTools) {
      tools_.push_back(make());
      Command* const tool = tools_.back().get();
      CLI::App* const sub = app.add_subcommand(tool->name(), tool->description());
      sub->fallthrough();
      tool->AddFlags(*sub);
      sub->callback([this, tool] { chosen_ = tool; });
    }
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override { return chosen_->Run(settings); }

 private:
  std::vector<std::unique_ptr<Command>> tools_;
  Command* chosen_ = nullptr;
};

}  // namespace

void FailOn::AddFlag(CLI::App& app) {
  app.add_option("--fail-on", level, "What makes the exit code 1: error, warning or never")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"error", "warning", "never"}))
      ->capture_default_str();
}

Outcome FailOn::Judge(bool errors, bool warnings) const {
  const bool fails = level != "never" && (errors || (warnings && level == "warning"));
  return fails ? Outcome::kFinding : Outcome::kFine;
}

std::string Refusal(const contract::Contract& before, const contract::Contract& after) {
  if (before.content_hash == after.content_hash) return "";
  if (contract::CompareVersions(after.version, before.version) > 0) return "";
  return Concat("a changed contract needs a higher version than ", before.version,
                ", or the validator refuses it; it has ", after.version);
}

absl::Status AsUsage(const absl::Status& status) {
  if (!absl::IsNotFound(status) && !absl::IsFailedPrecondition(status)) return status;
  return absl::InvalidArgumentError(status.message());
}

absl::StatusOr<ContractFiles> LoadContractFiles(const std::string& path) {
  const auto problems = contract::Lint(path);
  if (!problems.ok()) return AsUsage(problems.status());
  const auto errors = contract::Only(contract::Problem::Severity::kError, *problems);
  if (!errors.empty()) {
    return absl::InvalidArgumentError(Concat("there are errors:\n", contract::ToString(errors)));
  }
  ContractFiles files;
  std::string contract_path = path;
  if (contract::IsPipeline(path)) {
    SLUICE_ASSIGN_OR_RETURN(files.pipeline, contract::LoadPipeline(path));
    contract_path = files.pipeline->contract_path;
  }
  SLUICE_ASSIGN_OR_RETURN(files.contract, contract::LoadContract(contract_path));
  return files;
}

std::unique_ptr<Command> MakeContractCommand() { return std::make_unique<ContractCommand>(); }

}  // namespace sluice::sluicectl
