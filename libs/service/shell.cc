#include "service/shell.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/version.h"
#include "service/address.h"
#include "service/pipeline_service.h"

namespace sluice::service {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr int kMaxAdminThreads = 64;
constexpr int kMaxAdminMessageBytes = 32 << 20;
constexpr std::chrono::milliseconds kAdminShutdown(500);

}  // namespace

Shell::Shell(const ServiceDefinition& definition, const ParsedOptions& options)
    : definition_(definition), options_(options) {}

Shell::~Shell() {
  endpoint_.reset();
  if (admin_ != nullptr) admin_->Shutdown(std::chrono::system_clock::now() + kAdminShutdown);
  admin_.reset();
}

absl::Status Shell::Build(std::vector<std::string>* problems) {
  std::vector<contract::PipelineConfig> pipelines = options_.pipelines;
  if (pipelines.empty() && !definition_.needs_pipeline) pipelines.emplace_back();
  for (const contract::PipelineConfig& pipeline : pipelines) {
    auto runnable = definition_.build(options_.common, pipeline);
    if (absl::IsInvalidArgument(runnable.status())) {
      problems->emplace_back(runnable.status().message());
      continue;
    }
    SLUICE_RETURN_IF_ERROR(Annotate(runnable.status(), pipeline.name));
    pipelines_.push_back({pipeline.name, runnable->get()});
    runnables_.push_back(*std::move(runnable));
  }
  return absl::OkStatus();
}

absl::Status Shell::ServeAdmin() {
  services_.push_back(std::make_unique<PipelineServiceImpl>(definition_.name, pipelines_, health_));
  if (definition_.grpc_services) {
    std::vector<Runnable*> runnables;
    for (const auto& runnable : runnables_) runnables.push_back(runnable.get());
    for (auto& service : definition_.grpc_services(runnables))
      services_.push_back(std::move(service));
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.common.admin_address, grpc::InsecureServerCredentials(),
                           &admin_port_);
  // Else a second process would silently share the port.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMaxAdminMessageBytes);
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kMaxAdminThreads);
  builder.SetResourceQuota(quota);
  for (const auto& service : services_) builder.RegisterService(service.get());
  admin_ = builder.BuildAndStart();
  if (admin_ == nullptr || admin_port_ == 0) {
    return absl::UnavailableError(Concat("cannot serve the admin API on ",
                                         options_.common.admin_address, ": is the port taken?"));
  }
  return absl::OkStatus();
}

absl::Status Shell::Serve() {
  metrics::Registry& registry = metrics::Registry::Process();
  registry.Get(metrics::GaugeId::kBuildInfo, {definition_.name, Version()}).Set(1);
  SLUICE_RETURN_IF_ERROR(ServeAdmin());
  SLUICE_ASSIGN_OR_RETURN(
      endpoint_, metrics::Endpoint::Start(
                     options_.common.metrics_address, registry,
                     {[this] { return health_.Alive(); }, [this] { return health_.Ready(); }}));
  Address admin = ParseAddress(options_.common.admin_address).value();
  Address metrics = ParseAddress(options_.common.metrics_address).value();
  admin.port = admin_port_;
  metrics.port = endpoint_->port();
  log::Info("serving", {{"admin_address", admin.ToString()},
                        {"metrics_address", metrics.ToString()},
                        {"version", Version()}});
  return absl::OkStatus();
}

absl::Status Shell::Start() {
  for (const HostedPipeline& pipeline : pipelines_) {
    SLUICE_RETURN_IF_ERROR(Annotate(pipeline.runnable->Start(), pipeline.name));
    ++started_;
    log::Info("started", {{"pipeline", pipeline.name}});
  }
  health_.SetStarted();
  return absl::OkStatus();
}

int Shell::WaitForTheEnd(StopSignals& signals) {
  while (true) {
    health_.Publish(admin_->GetHealthCheckService());
    if (const int signal = signals.Wait(kTick)) {
      log::Info("told to stop", {{"signal", signal}});
      return 0;
    }
    for (const HostedPipeline& pipeline : pipelines_) {
      pipeline.runnable->Beat();
      const absl::Status failure = pipeline.runnable->Failure();
      if (failure.ok()) continue;
      log::Error("failed for good", {{"pipeline", pipeline.name}, {"error", failure}});
      return 1;
    }
    if (std::all_of(runnables_.begin(), runnables_.end(),
                    [](const auto& runnable) { return runnable->Done(); })) {
      log::Info("nothing more to do");
      return 0;
    }
  }
}

bool Shell::Stop(absl::Duration limit) {
  health_.SetStopping();
  if (admin_ != nullptr) health_.Publish(admin_->GetHealthCheckService());
  // All at once: each may take as long as it may.
  std::vector<std::future<absl::Status>> stops;
  for (size_t i = 0; i < started_; ++i) {
    stops.push_back(std::async(std::launch::async, [runnable = pipelines_[i].runnable, limit] {
      return runnable->Stop(limit);
    }));
  }
  bool clean = true;
  for (size_t i = 0; i < started_; ++i) {
    const absl::Status status = stops[i].get();
    if (status.ok()) continue;
    log::Error("did not stop cleanly", {{"pipeline", pipelines_[i].name}, {"error", status}});
    clean = false;
  }
  return clean;
}

int Shell::Run(StopSignals& signals, const StopLimits& limits) {
  int code = 1;
  absl::Status status = Serve();
  if (status.ok()) status = Start();
  if (status.ok()) {
    code = WaitForTheEnd(signals);
  } else {
    log::Error("cannot start", {{"error", status}});
    if (absl::IsInvalidArgument(status)) code = 2;
  }
  const StopGuard guard(signals, limits.hard);
  if (!Stop(limits.graceful) && code == 0) code = 1;
  endpoint_.reset();
  if (admin_ != nullptr) admin_->Shutdown(std::chrono::system_clock::now() + kAdminShutdown);
  log::Info("stopped", {{"exit_code", code}});
  return code;
}

}  // namespace sluice::service
