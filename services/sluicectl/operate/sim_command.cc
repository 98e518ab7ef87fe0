#include <grpcpp/channel.h>

#include <map>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "sluice/admin/v1/simulator.grpc.pb.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/operation.h"
#include "sluicectl/operate/unary_call.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;
using Stub = pb::SimulatorService::Stub;

constexpr char kSimulatorStage[] = "simulator";

class SimCommand : public Command {
 public:
  const char* name() const override { return "sim"; }
  const char* description() const override { return "Operate the simulator"; }
  void AddFlags(CLI::App& app) override {
    app.require_subcommand(1);
    Add(app, "status", "Show what it has sent", "  sluicectl sim status -o json",
        &SimCommand::ShowStatus);
    Add(app, "start", "Start generating, or go on", "  sluicectl sim start --pipeline telemetry",
        &SimCommand::Start);
    Add(app, "stop", "Stop generating; what was sent is still delivered",
        "  sluicectl sim stop --pipeline telemetry", &SimCommand::Stop);
    Add(app, "rate", "Set the rate", "  sluicectl sim rate 5000\n  sluicectl sim rate 0",
        &SimCommand::SetRate)
        ->add_option("RECORDS_PER_SECOND", rate_, "0: as fast as Kafka takes them")
        ->required()
        ->check(CLI::Range(0.0, 1e7));
    CLI::App* faults = Add(
        app, "faults", "Change the fault mix",
        "  sluicectl sim faults null=0.05 duplicate=0\n  sluicectl sim faults null=0.1 --replace",
        &SimCommand::SetFaults);
    faults->add_option("SHARES", shares_, "Shares of the records, 0 to 1")
        ->type_name("LABEL=SHARE")
        ->required();
    faults->add_flag("--replace", replace_, "Labels that are not named get 0");
    Add(app, "burst", "Send records at once, besides the rate", "  sluicectl sim burst 100000",
        &SimCommand::Burst)
        ->add_option("RECORDS", burst_, "How many")
        ->required()
        ->check(CLI::Range(int64_t{1}, int64_t{10000000}));
    app.footer(
        "Examples:\n"
        "  sluicectl sim status\n"
        "  sluicectl sim rate 5000\n"
        "  sluicectl sim faults null=0.05 duplicate=0");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    std::vector<Process> processes = AskAll(settings);
    SLUICE_ASSIGN_OR_RETURN(const Target target,
                            FindTarget(processes, {pipeline, kSimulatorStage, std::nullopt}));
    pipeline_ = target.pipeline->pipeline();
    const auto stub = pb::SimulatorService::NewStub(target.process->client->channel());
    SLUICE_ASSIGN_OR_RETURN(const Table table, (this->*action_)(*stub));
    Print(table, settings.format);
    return Outcome::kFine;
  }

 private:
  using Action = absl::StatusOr<Table> (SimCommand::*)(Stub&);

  CLI::App* Add(CLI::App& app, const char* name, const char* description, const char* examples,
                Action action) {
    CLI::App* sub = app.add_subcommand(name, description);
    sub->fallthrough();
    sub->footer(Concat("Examples:\n", examples));
    sub->callback([this, action] { action_ = action; });
    return sub;
  }

  template <typename Request>
  Request Make() const {
    Request request;
    request.set_pipeline(pipeline_);
    return request;
  }

  Table Done() const {
    Table table({"pipeline", "result"});
    table.AddRow({pipeline_, "ok"});
    return table;
  }

  absl::StatusOr<Table> Start(Stub& stub) {
    SLUICE_RETURN_IF_ERROR(
        Call<pb::StartResponse>(stub, &Stub::Start, Make<pb::StartRequest>()).status());
    return Done();
  }

  absl::StatusOr<Table> Stop(Stub& stub) {
    SLUICE_RETURN_IF_ERROR(
        Call<pb::StopResponse>(stub, &Stub::Stop, Make<pb::StopRequest>()).status());
    return Done();
  }

  absl::StatusOr<Table> SetRate(Stub& stub) {
    auto request = Make<pb::SetRateRequest>();
    request.set_records_per_second(rate_);
    SLUICE_RETURN_IF_ERROR(Call<pb::SetRateResponse>(stub, &Stub::SetRate, request).status());
    return Done();
  }

  absl::StatusOr<Table> SetFaults(Stub& stub) {
    auto request = Make<pb::SetFaultsRequest>();
    request.set_replace(replace_);
    for (const std::string& text : shares_) {
      const size_t equals = text.find('=');
      double share = 0;
      if (equals == std::string::npos || !absl::SimpleAtod(text.substr(equals + 1), &share)) {
        return absl::InvalidArgumentError(Concat("`", text, "` is not label=share"));
      }
      (*request.mutable_shares())[text.substr(0, equals)] = share;
    }
    SLUICE_ASSIGN_OR_RETURN(const auto response,
                            Call<pb::SetFaultsResponse>(stub, &Stub::SetFaults, request));
    const std::map<std::string, double> shares(response.shares().begin(), response.shares().end());
    Table table({"fault", "share", "from_sequence"});
    for (const auto& [fault, share] : shares)
      table.AddRow({fault, share, response.from_sequence()});
    return table;
  }

  absl::StatusOr<Table> Burst(Stub& stub) {
    auto request = Make<pb::BurstRequest>();
    request.set_records(burst_);
    SLUICE_RETURN_IF_ERROR(Call<pb::BurstResponse>(stub, &Stub::Burst, request).status());
    return Done();
  }

  absl::StatusOr<Table> ShowStatus(Stub& stub) {
    SLUICE_ASSIGN_OR_RETURN(const auto status, Call<pb::GetSimulatorStatusResponse>(
                                                   stub, &Stub::GetSimulatorStatus,
                                                   Make<pb::GetSimulatorStatusRequest>()));
    Table table({"pipeline", "topic", "state", "delivered_records", "target_records",
                 "published_records", "spool_records", "in_flight_records", "rejected_records",
                 "records_per_second", "error"});
    table.AddRow({status.pipeline(), status.topic(), status.state(), status.delivered_records(),
                  status.target_records(), status.delivered_published_records(),
                  status.spool_records(), status.in_flight_records(), status.rejected_records(),
                  status.records_per_second(), status.error()});
    return table;
  }

  Action action_ = nullptr;
  std::string pipeline_;
  double rate_ = 0;
  int64_t burst_ = 0;
  std::vector<std::string> shares_;
  bool replace_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSimCommand() { return std::make_unique<SimCommand>(); }

}  // namespace sluice::sluicectl
