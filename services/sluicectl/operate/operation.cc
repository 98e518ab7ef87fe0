#include "sluicectl/operate/operation.h"

#include <algorithm>

#include "base/status.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

Json Describe(const std::vector<int32_t>& partitions) {
  std::string text;
  for (const int32_t partition : partitions) Append(&text, text.empty() ? "" : ",", partition);
  return text.empty() ? "all" : text;
}

std::vector<int32_t> OwnedBy(const Target& target, const std::vector<int32_t>& partitions) {
  std::vector<int32_t> owned;
  for (const int32_t partition : partitions) {
    if (target.FindPartition(partition) != nullptr) owned.push_back(partition);
  }
  return owned;
}

}  // namespace

void TargetFlags::AddStage(CLI::App& app) {
  app.add_option("--stage", stage,
                 "Only this stage: validated, checked, simulator or a sink's name")
      ->type_name("NAME");
}

void TargetFlags::AddPartitions(CLI::App& app) {
  app.add_option("--partition", partitions, "Only this partition (repeatable; default: all)")
      ->type_name("N")
      ->allow_extra_args(false);
}

absl::StatusOr<Outcome> OperateAll(
    const Settings& settings, const TargetFlags& flags,
    const std::function<absl::Status(const Target&, const std::vector<int32_t>&)>& call) {
  SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
  std::vector<Process> processes = AskAll(settings);
  SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets,
                          FindTargets(processes, {pipeline, flags.stage, std::nullopt}));
  for (const int32_t partition : flags.partitions) {
    const bool owned = std::any_of(targets.begin(), targets.end(), [&](const Target& target) {
      return target.FindPartition(partition) != nullptr;
    });
    if (!owned) {
      return absl::NotFoundError(Concat("no process that was asked owns partition ", partition));
    }
  }
  Outcome outcome = Outcome::kFine;
  Table table({"endpoint", "pipeline", "stage", "partitions", "result"});
  for (const Target& target : targets) {
    const std::vector<int32_t> partitions = OwnedBy(target, flags.partitions);
    if (partitions.empty() && !flags.partitions.empty()) continue;
    const absl::Status status = call(target, partitions);
    if (!status.ok()) outcome = Outcome::kFinding;
    table.AddRow({target.process->endpoint, target.pipeline->pipeline(), target.pipeline->stage(),
                  Describe(partitions), status.ok() ? "ok" : status.ToString()});
  }
  Print(table, settings.format);
  return outcome;
}

}  // namespace sluice::sluicectl
