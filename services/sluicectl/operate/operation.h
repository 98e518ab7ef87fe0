#pragma once
// What the commands that operate running processes share: whom they are about, one call each, and
// what is printed.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sluicectl/command.h"
#include "sluicectl/operate/process.h"

namespace sluice::sluicectl {

/// --stage and, for some, --partition.
struct TargetFlags {
  std::string stage;
  std::vector<int32_t> partitions;

  void AddStage(CLI::App& app);
  void AddPartitions(CLI::App& app);
};

/// Call `call` for every process of the pipeline with the partitions that are its own (empty: all)
/// and print the results. kFinding when one failed.
absl::StatusOr<Outcome> OperateAll(
    const Settings& settings, const TargetFlags& flags,
    const std::function<absl::Status(const Target&, const std::vector<int32_t>&)>& call);

}  // namespace sluice::sluicectl
