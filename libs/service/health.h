#pragma once
// Whether the process is alive and ready, for HTTP probes and grpc.health.v1. Alive: every loop
// turns, whatever Kafka or a sink do. Ready: every pipeline holds its assignment and its
// dependencies answer, and nobody asked for a stop.

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "service/service.h"

namespace grpc {
class HealthCheckServiceInterface;
}

namespace sluice::service {

/// A pipeline of this process. The runnable is owned by the shell and outlives everything that
/// refers to it.
struct HostedPipeline {
  std::string name;
  Runnable* runnable = nullptr;
};

/// Any thread.
class Health {
 public:
  explicit Health(const std::vector<HostedPipeline>& pipelines) : pipelines_(pipelines) {}

  /// From here on the runnables' controls may be asked.
  void SetStarted() { started_ = true; }
  /// From here on never ready again.
  void SetStopping() { stopping_ = true; }
  bool started() const { return started_; }
  bool stopping() const { return stopping_; }

  absl::Status Alive() const;
  absl::Status Ready() const;
  /// Tell the gRPC health service: "" and "readiness", "liveness", and each pipeline by name.
  void Publish(grpc::HealthCheckServiceInterface* service) const;

 private:
  absl::Status Ready(const HostedPipeline& pipeline) const;

  const std::vector<HostedPipeline>& pipelines_;
  std::atomic<bool> started_ = false;
  std::atomic<bool> stopping_ = false;
};

}  // namespace sluice::service
