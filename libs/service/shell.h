#pragma once
// One running process: its runnables, their admin gRPC server and HTTP endpoint, from start to
// graceful stop.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "metrics/endpoint.h"
#include "service/health.h"
#include "service/options.h"
#include "service/service.h"
#include "service/signals.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace sluice::service {

/// Used by one thread, the process's main one.
class Shell {
 public:
  /// How long a stop may take: gracefully, and before the process is ended the hard way.
  struct StopLimits {
    absl::Duration graceful = absl::Seconds(20);
    absl::Duration hard = absl::Seconds(25);
  };

  /// Both outlive the shell.
  Shell(const ServiceDefinition& definition, const ParsedOptions& options);
  ~Shell();

  /// Build the runnables. All that is wrong is in `problems`; any other error ends the process
  /// with 1.
  absl::Status Build(std::vector<std::string>* problems);
  /// Serve, start, run until a signal, a failure or the work's end, and stop. The exit code.
  int Run(StopSignals& signals, const StopLimits& limits);

 private:
  absl::Status Serve();
  absl::Status ServeAdmin();
  absl::Status Start();
  int WaitForTheEnd(StopSignals& signals);
  bool Stop(absl::Duration limit);

  const ServiceDefinition& definition_;
  const ParsedOptions& options_;
  // Destroyed in reverse: the servers go before what they refer to.
  std::vector<std::unique_ptr<Runnable>> runnables_;
  std::vector<HostedPipeline> pipelines_;
  size_t started_ = 0;
  Health health_{pipelines_};
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> admin_;
  int admin_port_ = 0;
  std::unique_ptr<metrics::Endpoint> endpoint_;
};

}  // namespace sluice::service
