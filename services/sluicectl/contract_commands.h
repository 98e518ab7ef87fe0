#pragma once
// The tools of `sluicectl contract`: they need files only, no Kafka, no PostgreSQL and no process.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "sluicectl/command.h"

namespace sluice::sluicectl {

// One file each, in the order of --help.
std::unique_ptr<Command> MakeContractLintCommand();

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
