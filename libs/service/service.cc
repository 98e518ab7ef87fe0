#include "service/service.h"

#include <grpc/support/log.h>

#include <cstdio>

#include "base/log.h"
#include "base/strings.h"
#include "metrics/probe.h"
#include "service/options.h"
#include "service/shell.h"
#include "service/signals.h"

namespace sluice::service {
namespace {

// Exit codes as Docker and Kubernetes understand them.
int AskRunning(const CommonOptions& options) {
  const absl::Status answer = metrics::Probe(
      options.metrics_address, options.probe == "alive" ? "/healthz" : "/readyz", absl::Seconds(3));
  std::puts(answer.ok() ? "ok" : std::string(answer.message()).c_str());
  return answer.ok() ? 0 : 1;
}

int ReportProblems(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems)
    Append(&text, problem, problem.ends_with('\n') ? "" : "\n");
  std::fputs(text.c_str(), stderr);
  return 2;
}

// gRPC's own lines, in the form of all others.
void LogForGrpc(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR) log::Warn(line->message, {{"library", "grpc"}});
}

void SetUpLog(const ServiceDefinition& definition, const CommonOptions& options) {
  log::Configure(*log::ParseFormat(options.log_format), definition.name, options.instance_id);
  log::SetLevel(*log::ParseLevel(options.log_level));
  gpr_set_log_function(&LogForGrpc);
}

}  // namespace

int RunService(int argc, char** argv, const ServiceDefinition& definition) {
  StopSignals
      signals;  // first of all: told to stop while it starts, a process ends as it does later
  ParsedOptions options;
  if (const auto exit_code = ParseOptions(argc, argv, definition, &options)) return *exit_code;
  if (!options.common.probe.empty()) return AskRunning(options.common);
  if (!options.problems.empty()) return ReportProblems(options.problems);
  SetUpLog(definition, options.common);

  Shell shell(definition, options);
  const absl::Status built = shell.Build(&options.problems);
  if (!options.problems.empty()) return ReportProblems(options.problems);
  if (!built.ok()) {
    log::Error("cannot be built", {{"error", built}});
    return 1;
  }
  if (options.common.check) {
    log::Info("the configuration is valid", {{"pipelines", options.pipelines.size()}});
    return 0;
  }
  return shell.Run(signals, {});
}

}  // namespace sluice::service
