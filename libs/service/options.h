#pragma once
// The command line and the environment of a service, checked as a whole.

#include <optional>
#include <string>
#include <vector>

#include "contract/pipeline.h"
#include "service/service.h"

namespace sluice::service {

struct ParsedOptions {
  CommonOptions common;
  std::vector<contract::PipelineConfig>
      pipelines;                      ///< theirs and their contracts' problems are in `problems`
  std::vector<std::string> problems;  ///< what is wrong, all of it; empty: nothing
};

/// Reads argv and SLUICE_* variables (the command line wins). Returns an exit code instead when
/// there is nothing more to do: 0 after --help or --version, 2 when the command line cannot be
/// understood (a message was printed).
std::optional<int> ParseOptions(int argc, char** argv, const ServiceDefinition& definition,
                                ParsedOptions* parsed);

}  // namespace sluice::service
