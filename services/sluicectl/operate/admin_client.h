#pragma once
// The admin API of one process, as plain calls: gRPC stays behind this header.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sluice/admin/v1/pipeline.pb.h"

namespace grpc {
class Channel;
}

namespace sluice::sluicectl {

/// One thread at a time. Every call ends within 15 seconds, Tap excepted; kUnavailable: nothing
/// answers there.
class AdminClient {
 public:
  explicit AdminClient(const std::string& endpoint);
  ~AdminClient();

  absl::StatusOr<admin::v1::GetStatusResponse> GetStatus(
      const admin::v1::GetStatusRequest& request);
  absl::StatusOr<admin::v1::PauseResponse> Pause(const admin::v1::PauseRequest& request);
  absl::StatusOr<admin::v1::ResumeResponse> Resume(const admin::v1::ResumeRequest& request);
  absl::StatusOr<admin::v1::DrainResponse> Drain(const admin::v1::DrainRequest& request);
  absl::StatusOr<admin::v1::SeekResponse> Seek(const admin::v1::SeekRequest& request);
  absl::StatusOr<admin::v1::RepairResponse> Repair(const admin::v1::RepairRequest& request);
  absl::StatusOr<admin::v1::AcceptLossResponse> AcceptLoss(
      const admin::v1::AcceptLossRequest& request);
  absl::StatusOr<admin::v1::ResetBreakerResponse> ResetBreaker(
      const admin::v1::ResetBreakerRequest& request);
  absl::StatusOr<admin::v1::ReloadContractResponse> ReloadContract(
      const admin::v1::ReloadContractRequest& request);
  absl::StatusOr<admin::v1::GetConfigResponse> GetConfig(
      const admin::v1::GetConfigRequest& request);
  absl::StatusOr<admin::v1::SetLogLevelResponse> SetLogLevel(
      const admin::v1::SetLogLevelRequest& request);
  /// Gives every record to `take` until the stream ends.
  absl::Status Tap(const admin::v1::TapRequest& request,
                   const std::function<void(const admin::v1::TapResponse&)>& take);

  /// For the services besides PipelineService.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  struct Stub;
  std::shared_ptr<grpc::Channel> channel_;  // shared with the stubs, by gRPC's design
  std::unique_ptr<Stub> stub_;
};

}  // namespace sluice::sluicectl
