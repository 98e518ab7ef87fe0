#include "sluicectl/operate/admin_client.h"

#include <grpcpp/grpcpp.h>

#include "sluice/admin/v1/pipeline.grpc.pb.h"
#include "sluicectl/operate/unary_call.h"

namespace sluice::sluicectl {

namespace pb = admin::v1;

namespace {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  // A proxy of the environment is meant for the web, not for the machine's own ports.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

struct AdminClient::Stub {
  std::unique_ptr<pb::PipelineService::Stub> pipelines;
};

AdminClient::AdminClient(const std::string& endpoint)
    : channel_(OpenChannel(endpoint)), stub_(std::make_unique<Stub>()) {
  stub_->pipelines = pb::PipelineService::NewStub(channel_);
}

AdminClient::~AdminClient() = default;

absl::StatusOr<pb::GetStatusResponse> AdminClient::GetStatus(const pb::GetStatusRequest& request) {
  return Call<pb::GetStatusResponse>(*stub_->pipelines, &pb::PipelineService::Stub::GetStatus,
                                     request, kStatusTimeout);
}

absl::StatusOr<pb::PauseResponse> AdminClient::Pause(const pb::PauseRequest& request) {
  return Call<pb::PauseResponse>(*stub_->pipelines, &pb::PipelineService::Stub::Pause, request);
}

absl::StatusOr<pb::ResumeResponse> AdminClient::Resume(const pb::ResumeRequest& request) {
  return Call<pb::ResumeResponse>(*stub_->pipelines, &pb::PipelineService::Stub::Resume, request);
}

absl::StatusOr<pb::DrainResponse> AdminClient::Drain(const pb::DrainRequest& request) {
  return Call<pb::DrainResponse>(*stub_->pipelines, &pb::PipelineService::Stub::Drain, request);
}

absl::StatusOr<pb::SeekResponse> AdminClient::Seek(const pb::SeekRequest& request) {
  return Call<pb::SeekResponse>(*stub_->pipelines, &pb::PipelineService::Stub::Seek, request);
}

absl::StatusOr<pb::RepairResponse> AdminClient::Repair(const pb::RepairRequest& request) {
  return Call<pb::RepairResponse>(*stub_->pipelines, &pb::PipelineService::Stub::Repair, request);
}

absl::StatusOr<pb::AcceptLossResponse> AdminClient::AcceptLoss(
    const pb::AcceptLossRequest& request) {
  return Call<pb::AcceptLossResponse>(*stub_->pipelines, &pb::PipelineService::Stub::AcceptLoss,
                                      request);
}

absl::StatusOr<pb::ResetBreakerResponse> AdminClient::ResetBreaker(
    const pb::ResetBreakerRequest& request) {
  return Call<pb::ResetBreakerResponse>(*stub_->pipelines, &pb::PipelineService::Stub::ResetBreaker,
                                        request);
}

absl::StatusOr<pb::ReloadContractResponse> AdminClient::ReloadContract(
    const pb::ReloadContractRequest& request) {
  return Call<pb::ReloadContractResponse>(*stub_->pipelines,
                                          &pb::PipelineService::Stub::ReloadContract, request);
}

absl::StatusOr<pb::GetConfigResponse> AdminClient::GetConfig(const pb::GetConfigRequest& request) {
  return Call<pb::GetConfigResponse>(*stub_->pipelines, &pb::PipelineService::Stub::GetConfig,
                                     request);
}

absl::StatusOr<pb::SetLogLevelResponse> AdminClient::SetLogLevel(
    const pb::SetLogLevelRequest& request) {
  return Call<pb::SetLogLevelResponse>(*stub_->pipelines, &pb::PipelineService::Stub::SetLogLevel,
                                       request);
}

absl::Status AdminClient::Tap(const pb::TapRequest& request,
                              const std::function<void(const pb::TapResponse&)>& take) {
  grpc::ClientContext context;
  const auto reader = stub_->pipelines->Tap(&context, request);
  for (pb::TapResponse record; reader->Read(&record);) take(record);
  return service::FromGrpc(reader->Finish());
}

}  // namespace sluice::sluicectl
