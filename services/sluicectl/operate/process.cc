#include "sluicectl/operate/process.h"

#include <set>
#include <thread>

#include "base/status.h"

namespace sluice::sluicectl {

const admin::v1::PartitionStatus* Target::FindPartition(int32_t partition) const {
  for (const admin::v1::PartitionStatus& status : pipeline->partitions()) {
    if (status.partition() == partition) return &status;
  }
  return nullptr;
}

std::string Target::ToString() const {
  return Concat(process->endpoint, " (", pipeline->stage(), ")");
}

void Ask(Process* process) { process->status = process->client->GetStatus({}); }

std::vector<Process> AskAll(const Settings& settings) {
  std::vector<Process> processes;
  for (const std::string& endpoint : settings.endpoints) {
    Process& process = processes.emplace_back();
    process.endpoint = endpoint;
    process.client = std::make_unique<AdminClient>(endpoint);
  }
  std::vector<std::thread> threads;
  for (Process& process : processes) threads.emplace_back([&process] { Ask(&process); });
  for (std::thread& thread : threads) thread.join();
  return processes;
}

namespace {

// What runs where, for messages.
std::string Inventory(const std::vector<Process>& processes) {
  std::string text;
  for (const Process& process : processes) {
    if (!process.status.ok()) {
      const absl::Status& error = process.status.status();
      Append(&text, "\n  ", process.endpoint, ": ",
             absl::IsUnavailable(error) ? "nothing answers" : error.message());
      continue;
    }
    for (const auto& pipeline : process.status->pipelines()) {
      Append(&text, "\n  ", process.endpoint, ": pipeline ", pipeline.pipeline(), ", stage ",
             pipeline.stage(), ", ", pipeline.partitions_size(), " partitions");
    }
  }
  return text;
}

bool Matches(const Selection& selection, const Target& target) {
  return (selection.pipeline.empty() || selection.pipeline == target.pipeline->pipeline()) &&
         (selection.stage.empty() || selection.stage == target.pipeline->stage()) &&
         (!selection.partition || target.FindPartition(*selection.partition) != nullptr);
}

}  // namespace

absl::StatusOr<std::vector<Target>> FindTargets(std::vector<Process>& processes,
                                                const Selection& selection) {
  std::vector<Target> targets;
  std::set<std::string> names;
  for (Process& process : processes) {
    if (!process.status.ok()) continue;
    for (const auto& pipeline : process.status->pipelines()) {
      const Target target{&process, &pipeline};
      if (!Matches(selection, target)) continue;
      targets.push_back(target);
      names.insert(pipeline.pipeline());
    }
  }
  if (targets.empty()) {
    return absl::NotFoundError(
        Concat("no process found",
               selection.pipeline.empty() ? "" : Concat(" for pipeline `", selection.pipeline, "`"),
               selection.stage.empty() ? "" : Concat(", stage `", selection.stage, "`"),
               selection.partition ? Concat(", partition ", *selection.partition) : "",
               "; there is:", Inventory(processes)));
  }
  if (names.size() > 1) return absl::InvalidArgumentError("several pipelines run: add --pipeline");
  return targets;
}

absl::StatusOr<Target> FindTarget(std::vector<Process>& processes, const Selection& selection) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<Target> targets, FindTargets(processes, selection));
  if (targets.size() == 1) return targets.front();
  std::string names;
  for (const Target& target : targets) Append(&names, names.empty() ? "" : ", ", target.ToString());
  return absl::InvalidArgumentError(
      Concat("several processes fit, choose with --stage or --endpoint: ", names));
}

}  // namespace sluice::sluicectl
