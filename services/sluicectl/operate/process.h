#pragma once
// The processes behind the endpoints, and which of them a command is about.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sluicectl/command.h"
#include "sluicectl/operate/admin_client.h"

namespace sluice::sluicectl {

/// One endpoint, asked for its status once.
struct Process {
  std::string endpoint;
  std::unique_ptr<AdminClient> client;
  absl::StatusOr<admin::v1::GetStatusResponse> status = absl::UnknownError("not asked");
};

/// A pipeline in a process. Points into a Process.
struct Target {
  Process* process = nullptr;
  const admin::v1::PipelineStatus* pipeline = nullptr;

  const admin::v1::PartitionStatus* FindPartition(int32_t partition) const;
  /// `endpoint (stage)`
  std::string ToString() const;
};

/// All endpoints, asked at the same time. An unreachable one has an error as its status.
std::vector<Process> AskAll(const Settings& settings);
/// Ask one again.
void Ask(Process* process);

/// What a command is about.
struct Selection {
  std::string pipeline;              ///< name; empty: the only one there is
  std::string stage;                 ///< empty: all
  std::optional<int32_t> partition;  ///< only processes that own it
};

/// At least one target. kNotFound says what is there instead; kInvalidArgument: the pipeline has to
/// be named.
absl::StatusOr<std::vector<Target>> FindTargets(std::vector<Process>& processes,
                                                const Selection& selection);
/// Exactly one; else kInvalidArgument asks for --stage or --endpoint.
absl::StatusOr<Target> FindTarget(std::vector<Process>& processes, const Selection& selection);

}  // namespace sluice::sluicectl
