#include "service/pipeline_service.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/version.h"
#include "batch/verdict.h"
#include "service/grpc_status.h"
#include "service/status_proto.h"

namespace sluice::service {
namespace {

constexpr int64_t kDefaultTapLimit = 100;
constexpr int64_t kMaxTapLimit = 100'000;
constexpr int32_t kDefaultWatchMs = 1000;
constexpr int32_t kMinWatchMs = 100;
// How often a stream looks whether its client or the process is going.
constexpr absl::Duration kStreamCheck = absl::Milliseconds(100);

std::vector<int32_t> Partitions(const google::protobuf::RepeatedField<int32_t>& field) {
  return {field.begin(), field.end()};
}

std::string Join(const std::vector<int32_t>& partitions) {
  std::string text;
  for (const int32_t partition : partitions) Append(&text, text.empty() ? "" : ",", partition);
  return text.empty() ? "all" : text;
}

// Every change an operator makes leaves a line, with the peer it came from.
void Audit(const grpc::ServerContext& context, const char* operation, std::string_view pipeline,
           const absl::Status& status, log::Value detail) {
  log::Info("admin call", {{"operation", operation},
                           {"pipeline", pipeline},
                           {"detail", std::move(detail)},
                           {"peer", context.peer()},
                           {"result", status}});
}

// Empty: not asked for.
template <typename Names>
absl::StatusOr<std::optional<std::string>> OneOf(std::string_view what, const std::string& name,
                                                 const Names& names) {
  if (name.empty()) return std::nullopt;
  if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  std::string known;
  for (const std::string_view each : names) Append(&known, known.empty() ? "" : ", ", each);
  return absl::InvalidArgumentError(
      Concat("there is no ", what, " `", name, "`; there are: ", known));
}

absl::StatusOr<TapFilter> ToFilter(const admin::v1::TapRequest& request) {
  TapFilter filter;
  filter.limit = request.limit() == 0 ? kDefaultTapLimit : request.limit();
  if (filter.limit < 1 || filter.limit > kMaxTapLimit) {
    return absl::InvalidArgumentError(
        Concat("limit must be 1 to ", kMaxTapLimit, ", not ", filter.limit));
  }
  if (request.duration_ms() < 0)
    return absl::InvalidArgumentError("duration_ms must not be negative");
  SLUICE_ASSIGN_OR_RETURN(filter.verdict,
                          OneOf("verdict", request.verdict(), batch::kVerdictNames));
  SLUICE_ASSIGN_OR_RETURN(filter.reason, OneOf("reason", request.reason(), batch::kReasonNames));
  if (!request.rule().empty()) filter.rule = request.rule();
  if (!request.column().empty()) filter.column = request.column();
  filter.show_classified = request.show_classified();
  if (request.has_partition()) filter.partition = request.partition();
  return filter;
}

template <typename Response>
grpc::Status Fill(const absl::StatusOr<SeekResult>& result, Response* response) {
  if (!result.ok()) return ToGrpc(result.status());
  response->set_from(result->from);
  response->set_to(result->to);
  return grpc::Status::OK;
}

}  // namespace

absl::StatusOr<PipelineControl*> PipelineServiceImpl::Find(const std::string& pipeline) const {
  if (!health_.started()) return absl::UnavailableError("the process is starting; try again");
  if (pipeline.empty() && pipelines_.size() == 1) return pipelines_.front().runnable->control();
  std::string names;
  for (const HostedPipeline& hosted : pipelines_) {
    if (hosted.name == pipeline) return hosted.runnable->control();
    Append(&names, names.empty() ? "" : ", ", hosted.name);
  }
  if (pipeline.empty())
    return absl::InvalidArgumentError(Concat("name one of the pipelines: ", names));
  return absl::NotFoundError(
      Concat("this process runs no pipeline `", pipeline, "`, only: ", names));
}

absl::Status PipelineServiceImpl::FillStatus(const std::string& pipeline,
                                             admin::v1::GetStatusResponse* response) const {
  response->set_service(service_name_);
  response->set_version(Version());
  response->set_log_level(log::kLevelNames[static_cast<int>(log::GetLevel())]);
  if (!pipeline.empty()) {
    SLUICE_ASSIGN_OR_RETURN(PipelineControl * control, Find(pipeline));
    ToProto(control->GetStatus(), response->add_pipelines());
    return absl::OkStatus();
  }
  for (const HostedPipeline& hosted : pipelines_) {
    if (health_.started()) {
      ToProto(hosted.runnable->control()->GetStatus(), response->add_pipelines());
    } else {
      auto* status = response->add_pipelines();
      status->set_pipeline(hosted.name);
      status->set_state("starting");
    }
  }
  return absl::OkStatus();
}

grpc::Status PipelineServiceImpl::GetStatus(Context*, const admin::v1::GetStatusRequest* request,
                                            admin::v1::GetStatusResponse* response) {
  return ToGrpc(FillStatus(request->pipeline(), response));
}

grpc::Status PipelineServiceImpl::WatchStatus(Context* context,
                                              const admin::v1::WatchStatusRequest* request,
                                              Writer<admin::v1::WatchStatusResponse>* writer) {
  const int32_t interval_ms =
      request->interval_ms() == 0 ? kDefaultWatchMs : request->interval_ms();
  if (interval_ms < kMinWatchMs) {
    return ToGrpc(absl::InvalidArgumentError(Concat("interval_ms must be at least ", kMinWatchMs)));
  }
  while (!context->IsCancelled() && !health_.stopping()) {
    admin::v1::WatchStatusResponse response;
    const absl::Status status = FillStatus(request->pipeline(), response.mutable_status());
    if (!status.ok()) return ToGrpc(status);
    if (!writer->Write(response)) break;
    const absl::Time next = absl::Now() + absl::Milliseconds(interval_ms);
    while (absl::Now() < next && !context->IsCancelled() && !health_.stopping()) {
      absl::SleepFor(std::min(kStreamCheck, next - absl::Now()));
    }
  }
  return grpc::Status::OK;
}

grpc::Status PipelineServiceImpl::Pause(Context* context, const admin::v1::PauseRequest* request,
                                        admin::v1::PauseResponse*) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const std::vector<int32_t> partitions = Partitions(request->partitions());
  const absl::Status status = (*control)->Pause(partitions);
  Audit(*context, "pause", request->pipeline(), status, Join(partitions));
  return ToGrpc(status);
}

grpc::Status PipelineServiceImpl::Resume(Context* context, const admin::v1::ResumeRequest* request,
                                         admin::v1::ResumeResponse*) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const std::vector<int32_t> partitions = Partitions(request->partitions());
  const absl::Status status = (*control)->Resume(partitions);
  Audit(*context, "resume", request->pipeline(), status, Join(partitions));
  return ToGrpc(status);
}

grpc::Status PipelineServiceImpl::Drain(Context* context, const admin::v1::DrainRequest* request,
                                        admin::v1::DrainResponse*) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const absl::Status status = (*control)->Drain();
  Audit(*context, "drain", request->pipeline(), status, "all");
  return ToGrpc(status);
}

grpc::Status PipelineServiceImpl::Seek(Context* context, const admin::v1::SeekRequest* request,
                                       admin::v1::SeekResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const auto result = (*control)->Seek(request->partition(), request->offset(), request->dry_run());
  Audit(*context, "seek", request->pipeline(), result.status(),
        Concat(request->partition(), "@", request->offset(), request->dry_run() ? " dry run" : ""));
  return Fill(result, response);
}

grpc::Status PipelineServiceImpl::Repair(Context* context, const admin::v1::RepairRequest* request,
                                         admin::v1::RepairResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const auto result = (*control)->Repair(request->partition(), request->from(), request->dry_run());
  Audit(*context, "repair", request->pipeline(), result.status(),
        Concat(request->partition(), "@", request->from(), request->dry_run() ? " dry run" : ""));
  return Fill(result, response);
}

grpc::Status PipelineServiceImpl::AcceptLoss(Context* context,
                                             const admin::v1::AcceptLossRequest* request,
                                             admin::v1::AcceptLossResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const auto result = (*control)->AcceptLoss(request->partition(), request->dry_run());
  Audit(*context, "accept-loss", request->pipeline(), result.status(),
        Concat(request->partition(), request->dry_run() ? " dry run" : ""));
  return Fill(result, response);
}

grpc::Status PipelineServiceImpl::ResetBreaker(Context* context,
                                               const admin::v1::ResetBreakerRequest* request,
                                               admin::v1::ResetBreakerResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  BreakerResetRequest reset;
  if (request->has_at()) reset.at = request->at();
  if (request->has_until()) reset.until = request->until();
  reset.dry_run = request->dry_run();
  const auto result = (*control)->ResetBreaker(request->partition(), reset);
  Audit(*context, "reset-breaker", request->pipeline(), result.status(),
        Concat(request->partition(),
               result.ok() ? Concat(" [", result->from, ", ", result->to, ")") : "",
               request->dry_run() ? " dry run" : ""));
  if (!result.ok()) return ToGrpc(result.status());
  response->set_from(result->from);
  response->set_to(result->to);
  response->set_reason(result->reason);
  return grpc::Status::OK;
}

grpc::Status PipelineServiceImpl::Tap(Context* context, const admin::v1::TapRequest* request,
                                      Writer<admin::v1::TapResponse>* writer) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const auto filter = ToFilter(*request);
  if (!filter.ok()) return ToGrpc(filter.status());
  const auto tap = (*control)->Tap(*filter);
  // Who looks at values that the contract classifies leaves a line, as who changes something does.
  if (filter->show_classified)
    Audit(*context, "tap classified values", request->pipeline(), tap.status(), request->verdict());
  if (!tap.ok()) return ToGrpc(tap.status());
  const absl::Time end = request->duration_ms() == 0
                             ? absl::InfiniteFuture()
                             : absl::Now() + absl::Milliseconds(request->duration_ms());
  while (!(*tap)->done() && !context->IsCancelled() && !health_.stopping()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    const std::optional<TappedRecord> record = (*tap)->Next(std::min(kStreamCheck, left));
    if (!record) continue;
    admin::v1::TapResponse response;
    ToProto(*record, &response);
    if (!writer->Write(response)) break;
  }
  return grpc::Status::OK;
}

grpc::Status PipelineServiceImpl::ReloadContract(Context* context,
                                                 const admin::v1::ReloadContractRequest* request,
                                                 admin::v1::ReloadContractResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  const auto result = (*control)->ReloadContract();
  Audit(*context, "reload-contract", request->pipeline(), result.status(),
        result.ok() ? result->version : "");
  if (!result.ok()) return ToGrpc(result.status());
  response->set_version(result->version);
  response->set_previous_version(result->previous_version);
  response->set_compatibility(std::string(result->comparison.name()));
  for (const contract::Change& change : result->comparison.changes) {
    admin::v1::ContractChange* const shown = response->add_changes();
    shown->set_what(change.what);
    shown->set_backward(change.backward);
    shown->set_forward(change.forward);
    shown->set_reason(change.reason);
  }
  return grpc::Status::OK;
}

grpc::Status PipelineServiceImpl::GetConfig(Context*, const admin::v1::GetConfigRequest* request,
                                            admin::v1::GetConfigResponse* response) {
  const auto control = Find(request->pipeline());
  if (!control.ok()) return ToGrpc(control.status());
  response->set_config_json((*control)->ConfigJson());
  return grpc::Status::OK;
}

grpc::Status PipelineServiceImpl::SetLogLevel(Context* context,
                                              const admin::v1::SetLogLevelRequest* request,
                                              admin::v1::SetLogLevelResponse* response) {
  const auto level = log::ParseLevel(request->level());
  if (!level) {
    return ToGrpc(absl::InvalidArgumentError(
        Concat("`", request->level(), "` is not debug, info, warn or error")));
  }
  response->set_previous_level(log::kLevelNames[static_cast<int>(log::GetLevel())]);
  Audit(*context, "set-log-level", "", absl::OkStatus(), request->level());
  log::SetLevel(*level);
  return grpc::Status::OK;
}

}  // namespace sluice::service
