#include "sluicectl/pipeline_argument.h"

#include <filesystem>

#include "base/status.h"

namespace sluice::sluicectl {
namespace {

// Where the pipeline file may be; empty: nowhere.
std::string FindFile(const std::string& argument) {
  std::error_code error;
  for (const std::string& path : {argument, "pipelines/" + argument}) {
    const std::filesystem::path candidate(path);
    if (std::filesystem::is_regular_file(candidate, error) ||
        std::filesystem::exists(candidate / "pipeline.yaml", error)) {
      return path;
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<contract::PipelineConfig> LoadPipelineArgument(const std::string& argument) {
  if (argument.empty()) return absl::InvalidArgumentError("--pipeline is missing");
  const std::string path = FindFile(argument);
  if (path.empty()) {
    return absl::InvalidArgumentError(
        Concat("--pipeline: there is no pipeline file at ", argument, " or pipelines/", argument));
  }
  return contract::LoadPipeline(path);
}

absl::StatusOr<std::string> PipelineName(const std::string& argument) {
  const std::string path = argument.empty() ? "" : FindFile(argument);
  if (path.empty() && argument.find('/') == std::string::npos) return argument;
  SLUICE_ASSIGN_OR_RETURN(const contract::PipelineConfig pipeline, LoadPipelineArgument(argument));
  return pipeline.name;
}

}  // namespace sluice::sluicectl
