#include "producer_simulator/service.h"

#include <grpcpp/impl/codegen/service_type.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/status.h"
#include "producer_simulator/grpc_service.h"
#include "producer_simulator/simulator.h"

namespace sluice::producer_simulator {
namespace {

void AddFlags(CLI::App& app, SimulatorOptions* options) {
  const auto add = [&app](const std::string& name, auto& value, const std::string& help) {
    return app.add_option("--" + name, value, help)->capture_default_str();
  };
  add("input", options->input, "replay this NDJSON file, one record a line, instead of generating");
  add("input-key", options->input_key, "member of a replayed record that becomes its key");
  add("records", options->records, "how many records in all, restarts included; 0: no end")
      ->check(CLI::NonNegativeNumber);
  add("rate", options->rate, "records per second, open loop; 0: as fast as Kafka takes them")
      ->check(CLI::Range(0.0, 10e6));
  add("seed", options->seed, "the same seed generates the same records");
  add("partitions", options->partitions, "partitions of the topic, if it is created")
      ->check(CLI::Range(1, 10000));
  add("spread", options->spread, "how records come to partitions: by their key, or to all in turn")
      ->check(CLI::IsMember({"key", "even"}));
  add("truth", options->truth, "truth file (default: truth.ndjson in the data directory)");
  add("data-dir", options->data_dir, "checkpoint, spool and logs, in a folder per pipeline");
  add("fault", options->faults,
      "LABEL=SHARE, such as null=1%; `none` drops the profile's faults (repeatable)")
      ->take_all();
  add("spool-max-bytes", options->spool_max_bytes, "bound of the spool of published records")
      ->check(CLI::PositiveNumber);
  app.add_flag("--exit-when-done", options->exit_when_done, "exit 0 once all records have arrived");
  app.add_flag("--stopped", options->stopped, "do not generate before Start is called");
}

}  // namespace

service::ServiceDefinition ProducerSimulator() {
  // Filled when the flags are parsed, read when the simulators are built.
  auto options = std::make_shared<SimulatorOptions>();
  service::ServiceDefinition definition;
  definition.name = "producer-simulator";
  definition.description =
      "Generates records with labelled faults, replays a file, or takes records by gRPC, and "
      "brings each to Kafka once.";
  definition.port_digit = 1;
  definition.add_flags = [options](CLI::App& app) { AddFlags(app, options.get()); };
  definition.build = [options](const service::CommonOptions& common,
                               const contract::PipelineConfig& pipeline)
      -> absl::StatusOr<std::unique_ptr<service::Runnable>> {
    return Simulator::Create(common, *options, pipeline);
  };
  definition.grpc_services = [](const std::vector<service::Runnable*>& runnables) {
    std::vector<Simulator*> simulators;
    for (service::Runnable* runnable : runnables)
      simulators.push_back(static_cast<Simulator*>(runnable));
    std::vector<std::unique_ptr<grpc::Service>> services;
    services.push_back(MakeSimulatorService(std::move(simulators)));
    return services;
  };
  return definition;
}

}  // namespace sluice::producer_simulator
