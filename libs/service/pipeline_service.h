#pragma once
// PipelineService of the admin API (proto/sluice/admin/v1/pipeline.proto), on top of
// PipelineControl.

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/health.h"
#include "sluice/admin/v1/pipeline.grpc.pb.h"

namespace sluice::service {

/// Called by gRPC's threads. Streams end soon after health says that the process stops.
class PipelineServiceImpl final : public admin::v1::PipelineService::Service {
 public:
  PipelineServiceImpl(std::string service_name, const std::vector<HostedPipeline>& pipelines,
                      const Health& health)
      : service_name_(std::move(service_name)), pipelines_(pipelines), health_(health) {}

  template <typename T>
  using Writer = grpc::ServerWriter<T>;
  using Context = grpc::ServerContext;

  grpc::Status GetStatus(Context*, const admin::v1::GetStatusRequest*,
                         admin::v1::GetStatusResponse*) override;
  grpc::Status WatchStatus(Context*, const admin::v1::WatchStatusRequest*,
                           Writer<admin::v1::WatchStatusResponse>*) override;
  grpc::Status Pause(Context*, const admin::v1::PauseRequest*, admin::v1::PauseResponse*) override;
  grpc::Status Resume(Context*, const admin::v1::ResumeRequest*,
                      admin::v1::ResumeResponse*) override;
  grpc::Status Drain(Context*, const admin::v1::DrainRequest*, admin::v1::DrainResponse*) override;
  grpc::Status Seek(Context*, const admin::v1::SeekRequest*, admin::v1::SeekResponse*) override;
  grpc::Status Repair(Context*, const admin::v1::RepairRequest*,
                      admin::v1::RepairResponse*) override;
  grpc::Status ResetBreaker(Context*, const admin::v1::ResetBreakerRequest*,
                            admin::v1::ResetBreakerResponse*) override;
  grpc::Status AcceptLoss(Context*, const admin::v1::AcceptLossRequest*,
                          admin::v1::AcceptLossResponse*) override;
  grpc::Status Tap(Context*, const admin::v1::TapRequest*,
                   Writer<admin::v1::TapResponse>*) override;
  grpc::Status ReloadContract(Context*, const admin::v1::ReloadContractRequest*,
                              admin::v1::ReloadContractResponse*) override;
  grpc::Status GetConfig(Context*, const admin::v1::GetConfigRequest*,
                         admin::v1::GetConfigResponse*) override;
  grpc::Status SetLogLevel(Context*, const admin::v1::SetLogLevelRequest*,
                           admin::v1::SetLogLevelResponse*) override;

 private:
  /// The pipeline of that name; an empty name is the only one there is.
  absl::StatusOr<PipelineControl*> Find(const std::string& pipeline) const;
  absl::Status FillStatus(const std::string& pipeline,
                          admin::v1::GetStatusResponse* response) const;

  const std::string service_name_;
  const std::vector<HostedPipeline>& pipelines_;
  const Health& health_;
};

}  // namespace sluice::service
