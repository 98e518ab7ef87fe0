#pragma once
// --pipeline: the name of a pipeline, its folder or its file.

#include <string>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"

namespace sluice::sluicectl {

/// The pipeline file: of that path, or of pipelines/<name> below the current folder.
/// kInvalidArgument: none was given or it cannot be read.
absl::StatusOr<contract::PipelineConfig> LoadPipelineArgument(const std::string& argument);

/// Just the name: of the file where there is one, else the argument itself. Empty stays empty.
absl::StatusOr<std::string> PipelineName(const std::string& argument);

}  // namespace sluice::sluicectl
