#include "producer_simulator/grpc_service.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "service/grpc_status.h"
#include "sluice/admin/v1/simulator.grpc.pb.h"

namespace sluice::producer_simulator {
namespace {

namespace api = admin::v1;
using service::ToGrpc;

OutsideRecord FromProto(const api::PublishedRecord& proto) {
  OutsideRecord record;
  if (proto.has_key()) record.key = proto.key();
  if (proto.has_value()) record.value = proto.value();
  if (proto.has_partition()) record.partition = proto.partition();
  record.id = proto.id();
  record.headers.insert(proto.headers().begin(), proto.headers().end());
  return record;
}

class SimulatorService final : public api::SimulatorService::Service {
 public:
  explicit SimulatorService(std::vector<Simulator*> simulators)
      : simulators_(std::move(simulators)) {}

  grpc::Status Publish(grpc::ServerContext*, const api::PublishRequest* request,
                       api::PublishResponse* response) override {
    return With(*request, [&](Simulator& simulator) -> absl::Status {
      std::vector<OutsideRecord> records;
      for (const api::PublishedRecord& record : request->records())
        records.push_back(FromProto(record));
      SLUICE_ASSIGN_OR_RETURN(std::vector<std::string> ids, simulator.Publish(std::move(records)));
      for (std::string& id : ids) response->add_ids(std::move(id));
      return absl::OkStatus();
    });
  }

  grpc::Status Start(grpc::ServerContext*, const api::StartRequest* request,
                     api::StartResponse*) override {
    return With(*request, [](Simulator& simulator) { return simulator.SetGenerating(true); });
  }

  grpc::Status Stop(grpc::ServerContext*, const api::StopRequest* request,
                    api::StopResponse*) override {
    return With(*request, [](Simulator& simulator) { return simulator.SetGenerating(false); });
  }

  grpc::Status SetRate(grpc::ServerContext*, const api::SetRateRequest* request,
                       api::SetRateResponse*) override {
    return With(*request, [&](Simulator& simulator) {
      return simulator.SetRate(request->records_per_second());
    });
  }

  grpc::Status SetFaults(grpc::ServerContext*, const api::SetFaultsRequest* request,
                         api::SetFaultsResponse* response) override {
    return With(*request, [&](Simulator& simulator) -> absl::Status {
      const std::map<std::string, double> shares(request->shares().begin(),
                                                 request->shares().end());
      SLUICE_ASSIGN_OR_RETURN(const FaultChange change,
                              simulator.SetFaults(shares, request->replace()));
      for (const auto& [label, share] : change.mix.Shares())
        (*response->mutable_shares())[label] = share;
      response->set_from_sequence(change.from);
      return absl::OkStatus();
    });
  }

  grpc::Status Burst(grpc::ServerContext*, const api::BurstRequest* request,
                     api::BurstResponse*) override {
    return With(*request,
                [&](Simulator& simulator) { return simulator.Burst(request->records()); });
  }

  grpc::Status GetSimulatorStatus(grpc::ServerContext*,
                                  const api::GetSimulatorStatusRequest* request,
                                  api::GetSimulatorStatusResponse* response) override {
    return With(*request, [&](Simulator& simulator) {
      const SimulatorStatus status = simulator.Status();
      response->set_pipeline(simulator.pipeline_name());
      response->set_topic(status.topic);
      response->set_state(status.state);
      response->set_error(status.error);
      response->set_run_id(status.run_id);
      response->set_seed(status.seed);
      response->set_delivered_records(status.delivered);
      response->set_delivered_published_records(status.delivered_published);
      response->set_spool_records(status.spool_records);
      response->set_spool_bytes(status.spool_bytes);
      response->set_rejected_records(status.rejected);
      response->set_in_flight_records(status.in_flight);
      response->set_recoveries(status.recoveries);
      response->set_records_per_second(status.rate);
      response->set_target_records(status.target);
      for (const auto& [label, share] : status.faults.Shares())
        (*response->mutable_fault_shares())[label] = share;
      for (const auto& [label, count] : status.delivered_faults)
        (*response->mutable_delivered_faults())[label] = count;
      return absl::OkStatus();
    });
  }

 private:
  template <typename Request, typename Call>
  grpc::Status With(const Request& request, const Call& call) {
    for (Simulator* simulator : simulators_) {
      if (request.pipeline() == simulator->pipeline_name() ||
          (request.pipeline().empty() && simulators_.size() == 1)) {
        return ToGrpc(call(*simulator));
      }
    }
    return ToGrpc(absl::NotFoundError(
        request.pipeline().empty()
            ? "this process runs several pipelines: name one"
            : Concat("this process does not simulate the pipeline ", request.pipeline())));
  }

  const std::vector<Simulator*> simulators_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSimulatorService(std::vector<Simulator*> simulators) {
  return std::make_unique<SimulatorService>(std::move(simulators));
}

}  // namespace sluice::producer_simulator
