#pragma once
// The tools of `sluicectl contract`: they need files only, no Kafka, no PostgreSQL and no process.
// All but `shadow`, which reads Kafka.

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "sluicectl/command.h"

namespace sluice::sluicectl {

// One file each, in the order of --help.
std::unique_ptr<Command> MakeContractLintCommand();
std::unique_ptr<Command> MakeContractTestCommand();
std::unique_ptr<Command> MakeContractDiffCommand();
std::unique_ptr<Command> MakeContractShadowCommand();
std::unique_ptr<Command> MakeContractDdlCommand();
std::unique_ptr<Command> MakeContractInferCommand();

/// What a CONTRACT argument names.
struct ContractFiles {
  std::shared_ptr<const contract::Contract> contract;
  std::optional<contract::PipelineConfig> pipeline;  ///< when it names a pipeline
};

/// `path`: a contract, or a pipeline's file or folder. kInvalidArgument: it cannot be read, or has
/// errors.
absl::StatusOr<ContractFiles> LoadContractFiles(const std::string& path);

/// Why the validator would not take `after` while `before` is in force; empty: it would.
std::string Refusal(const contract::Contract& before, const contract::Contract& after);

/// --fail-on: what makes the exit code 1.
struct FailOn {
  std::string level = "error";  ///< error, warning or never

  void AddFlag(CLI::App& app);
  Outcome Judge(bool errors, bool warnings) const;
};

/// What cannot be read or is no contract is wrong usage of these tools: exit code 2, which a
/// finding (1) can be told from.
absl::Status AsUsage(const absl::Status& status);

}  // namespace sluice::sluicectl
