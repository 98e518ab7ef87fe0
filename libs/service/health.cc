#include "service/health.h"

#include <grpcpp/health_check_service_interface.h>

#include "base/status.h"

namespace sluice::service {

absl::Status Health::Alive() const {
  if (!started_) return absl::OkStatus();
  for (const HostedPipeline& pipeline : pipelines_) {
    if (pipeline.runnable->control()->IsAlive()) continue;
    return absl::InternalError(Concat("the loop of pipeline `", pipeline.name, "` does not turn"));
  }
  return absl::OkStatus();
}

absl::Status Health::Ready(const HostedPipeline& pipeline) const {
  if (stopping_) return absl::UnavailableError("stopping");
  if (!started_) return absl::UnavailableError("starting");
  return Annotate(pipeline.runnable->control()->IsReady(), pipeline.name);
}

absl::Status Health::Ready() const {
  std::string reasons;
  for (const HostedPipeline& pipeline : pipelines_) {
    const absl::Status ready = Ready(pipeline);
    if (!ready.ok()) Append(&reasons, reasons.empty() ? "" : "\n", ready.message());
  }
  return reasons.empty() ? absl::OkStatus() : absl::UnavailableError(reasons);
}

void Health::Publish(grpc::HealthCheckServiceInterface* service) const {
  if (service == nullptr) return;
  bool all_ready = true;
  for (const HostedPipeline& pipeline : pipelines_) {
    const bool ready = Ready(pipeline).ok();
    all_ready = all_ready && ready;
    if (!pipeline.name.empty()) service->SetServingStatus(pipeline.name, ready);
  }
  service->SetServingStatus("readiness", all_ready);
  service->SetServingStatus("", all_ready);
  service->SetServingStatus("liveness", Alive().ok());
}

}  // namespace sluice::service
