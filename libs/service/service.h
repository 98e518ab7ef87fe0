#pragma once
// The shell around every process: flags, logs, signals, admin gRPC, health, metrics endpoint,
// graceful stop.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/pipeline.h"
#include "service/pipeline_control.h"

namespace grpc {
class Service;
}
namespace CLI {
class App;
}

namespace sluice::service {

/// The flags every process has; each is an environment variable SLUICE_<NAME> too.
struct CommonOptions {
  std::vector<std::string> pipeline_paths;  ///< --pipeline, repeatable
  std::string bootstrap_servers = "127.0.0.1:9092";
  std::map<std::string, std::string> kafka_properties;  ///< --kafka-property k=v, repeatable
  std::string database_url;
  std::string admin_address;          ///< default 127.0.0.1:710N
  bool allow_insecure_admin = false;  ///< let admin_address be reachable from other machines
  std::string metrics_address;        ///< default 127.0.0.1:910N
  std::string instance_id;            ///< default: host name and process id
  std::string log_level = "info";
  std::string log_format = "text";
  bool check = false;  ///< validate everything and exit
  std::string probe;   ///< "alive" or "ready": ask the process that runs, and exit
};

/// A thing that runs until it is told to stop: one per pipeline. Start is called by the shell's
/// main thread, Stop by a thread for each.
class Runnable {
 public:
  virtual ~Runnable() = default;
  virtual absl::Status Start() = 0;
  /// Stop gracefully: finish or drop the batch, leave the group. Bounded by `timeout`. OK when
  /// nothing is in doubt.
  virtual absl::Status Stop(absl::Duration timeout) = 0;
  /// Called from any thread once Start returned OK.
  virtual PipelineControl* control() = 0;
  /// Called by the main thread several times a second, from Start to Stop: when it is not, the
  /// whole process stands still.
  virtual void Beat() {}
  /// Non-OK once the runnable has failed for good: the process then exits with 1.
  virtual absl::Status Failure() { return absl::OkStatus(); }
  /// True once it has nothing more to do (the simulator with --exit-when-done): the process then
  /// exits with 0.
  virtual bool Done() { return false; }
};

/// What a service is. Filled by services/<name>/service.cc.
struct ServiceDefinition {
  std::string name;         ///< "ingest-validator"
  std::string description;  ///< for --help
  int port_digit = 0;       ///< N of 710N and 910N
  bool needs_database = false;
  bool needs_pipeline = true;
  /// Extra flags of this service. May be empty.
  std::function<void(CLI::App&)> add_flags;
  /// Build one runnable per pipeline, without contacting anything. kInvalidArgument: wrong
  /// configuration (exit 2). With needs_pipeline false and no --pipeline it is called once with an
  /// empty configuration.
  std::function<absl::StatusOr<std::unique_ptr<Runnable>>(const CommonOptions&,
                                                          const contract::PipelineConfig&)>
      build;
  /// Extra gRPC services; called after all runnables are built. The services live until the process
  /// ends.
  std::function<std::vector<std::unique_ptr<grpc::Service>>(const std::vector<Runnable*>&)>
      grpc_services;
};

/// Parse flags and run until SIGTERM or SIGINT. Returns the process's exit code: 0 done, 1 failed,
/// 2 wrong usage or configuration (all problems listed at once).
int RunService(int argc, char** argv, const ServiceDefinition& definition);

}  // namespace sluice::service
