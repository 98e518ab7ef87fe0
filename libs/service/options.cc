#include "service/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <set>

#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "contract/contract.h"
#include "service/address.h"
#include "service/flags.h"

namespace sluice::service {
namespace {

constexpr char kFooter[] =
    "Every flag is also an environment variable: SLUICE_ and the flag's name in capitals, such as "
    "SLUICE_LOG_LEVEL.\n"
    "Several pipelines in SLUICE_PIPELINE are separated by commas, several properties in "
    "SLUICE_KAFKA_PROPERTY by line "
    "ends.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

std::string DefaultInstanceId() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return Concat(host, "-", getpid());
}

void AddCommonFlags(CLI::App& app, const ServiceDefinition& definition, CommonOptions* options,
                    std::vector<std::string>* properties) {
  app.add_option("--pipeline", options->pipeline_paths, "Pipeline file or its folder (repeatable)")
      ->type_name("FILE|DIR")
      ->allow_extra_args(false);
  app.add_option("--bootstrap-servers", options->bootstrap_servers, "Kafka brokers")
      ->type_name("HOST:PORT,...")
      ->capture_default_str();
  app.add_option("--kafka-property", *properties,
                 "A property of librdkafka, for TLS and SASL (repeatable); K=@FILE takes the value "
                 "from a file")
      ->type_name("K=V")
      ->allow_extra_args(false);
  if (definition.needs_database) {
    app.add_option("--database-url", options->database_url,
                   "PostgreSQL; the password comes from PGPASSFILE or `passfile`, never from here")
        ->type_name("URL");
  }
  app.add_option("--admin-address", options->admin_address,
                 "Where the admin gRPC listens; port 0: any")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_flag("--allow-insecure-admin", options->allow_insecure_admin,
               "Let the admin gRPC listen beyond loopback, though it is neither encrypted nor "
               "authenticated");
  app.add_option("--metrics-address", options->metrics_address,
                 "Where /metrics, /healthz and /readyz are; port 0: any")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--instance-id", options->instance_id,
                 "Name of this process, stable across restarts")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--log-level", options->log_level, "debug, info, warn or error")
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_option("--log-format", options->log_format, "text or json")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("--check", options->check, "Check flags, pipelines and contracts, then exit");
  app.add_option("--probe", options->probe,
                 "Ask the process that listens on --metrics-address whether it is `alive` or "
                 "`ready`, then exit: 0 yes, 1 no. For health checks")
      ->type_name("alive|ready")
      ->check(CLI::IsMember({"alive", "ready"}));
}

void CheckAddresses(ParsedOptions* parsed) {
  const CommonOptions& options = parsed->common;
  const auto admin = ParseAddress(options.admin_address);
  if (!admin.ok()) {
    parsed->problems.push_back(Concat("--admin-address: ", admin.status().message()));
  } else if (!admin->IsLoopback() && !options.allow_insecure_admin) {
    parsed->problems.push_back(Concat("--admin-address: ", options.admin_address,
                                      " is reachable from other machines, without encryption or "
                                      "authentication; take a loopback address, or add "
                                      "--allow-insecure-admin if the network is closed"));
  }
  const auto metrics = ParseAddress(options.metrics_address);
  if (!metrics.ok())
    parsed->problems.push_back(Concat("--metrics-address: ", metrics.status().message()));
}

void CheckDatabase(const ServiceDefinition& definition, ParsedOptions* parsed) {
  if (!definition.needs_database) return;
  const std::string& url = parsed->common.database_url;
  if (url.empty()) {
    parsed->problems.push_back("--database-url is missing");
  } else if (HoldsPassword(url)) {
    parsed->problems.push_back(
        "--database-url holds a password: put it into a password file and set PGPASSFILE");
  }
}

void LoadPipelines(const ServiceDefinition& definition, ParsedOptions* parsed) {
  const std::vector<std::string> paths = SplitAll(parsed->common.pipeline_paths, ',');
  parsed->common.pipeline_paths = paths;
  if (paths.empty() && definition.needs_pipeline)
    parsed->problems.push_back("--pipeline is missing");
  std::set<std::string> names;
  for (const std::string& path : paths) {
    auto pipeline = contract::LoadPipeline(path);
    if (!pipeline.ok()) {
      parsed->problems.emplace_back(pipeline.status().message());
      continue;
    }
    if (!names.insert(pipeline->name).second) {
      parsed->problems.push_back(
          Concat("--pipeline: ", path, ": the pipeline `", pipeline->name, "` is given twice"));
    }
    const auto contract = contract::LoadContract(pipeline->contract_path);
    if (!contract.ok()) parsed->problems.emplace_back(contract.status().message());
    parsed->pipelines.push_back(*std::move(pipeline));
  }
}

void Check(const ServiceDefinition& definition, const std::vector<std::string>& properties,
           ParsedOptions* parsed) {
  const CommonOptions& options = parsed->common;
  if (!log::ParseLevel(options.log_level)) {
    parsed->problems.push_back(
        Concat("--log-level: `", options.log_level, "` is not debug, info, warn or error"));
  }
  if (!log::ParseFormat(options.log_format)) {
    parsed->problems.push_back(
        Concat("--log-format: `", options.log_format, "` is not text or json"));
  }
  if (options.bootstrap_servers.empty()) parsed->problems.push_back("--bootstrap-servers is empty");
  if (options.instance_id.empty()) parsed->problems.push_back("--instance-id is empty");
  parsed->common.kafka_properties = ParseKafkaProperties(properties, &parsed->problems);
  CheckAddresses(parsed);
  CheckDatabase(definition, parsed);
  LoadPipelines(definition, parsed);
}

}  // namespace

std::optional<int> ParseOptions(int argc, char** argv, const ServiceDefinition& definition,
                                ParsedOptions* parsed) {
  CommonOptions& options = parsed->common;
  options.admin_address = Concat("127.0.0.1:710", definition.port_digit);
  options.metrics_address = Concat("127.0.0.1:910", definition.port_digit);
  options.instance_id = DefaultInstanceId();
  std::vector<std::string> properties;

  CLI::App app(definition.description, Concat("sluice-", definition.name));
  app.set_version_flag("--version", Concat("sluice-", definition.name, " ", Version()));
  app.footer(kFooter);
  try {
    AddCommonFlags(app, definition, &options, &properties);
    if (definition.add_flags) definition.add_flags(app);
    NameEnvironment(app);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  // A probe is about another process, which has checked the rest.
  if (options.probe.empty()) Check(definition, properties, parsed);
  return std::nullopt;
}

}  // namespace sluice::service
