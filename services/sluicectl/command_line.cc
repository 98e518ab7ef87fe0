#include "sluicectl/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "base/strings.h"
#include "base/version.h"
#include "service/address.h"
#include "service/flags.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/endpoints.h"

namespace sluice::sluicectl {
namespace {

constexpr const char* kDefaultEndpoints[] = {"127.0.0.1:7101", "127.0.0.1:7102", "127.0.0.1:7103",
                                             "127.0.0.1:7104"};
constexpr char kFooter[] =
    "Global flags may stand before or behind the command.\n"
    "Exit codes: 0 fine, 1 something was found or did not work, 2 wrong usage.\n\n"
    "Examples:\n"
    "  sluicectl status\n"
    "  sluicectl verify --pipeline pipelines/telemetry\n"
    "  sluicectl -o json explain --pipeline telemetry --partition 0 --offset 1234";

using GlobalFlags = CommandLine::GlobalFlags;

void AddGlobalFlags(CLI::App& app, GlobalFlags* flags) {
  app.add_option("-o,--output", flags->output, "table or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option(
         "--endpoint", flags->endpoints,
         "Admin address of a process, or of all whose addresses a name has (repeatable; default: "
         "ports 7101 to 7104 of 127.0.0.1)")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  app.add_option("--bootstrap-servers", flags->settings.kafka.bootstrap_servers, "Kafka brokers")
      ->type_name("HOST:PORT,...")
      ->capture_default_str();
  app.add_option("--kafka-property", flags->properties,
                 "A property of librdkafka (repeatable); K=@FILE takes the value from a file")
      ->type_name("K=V")
      ->allow_extra_args(false);
  app.add_option("--database-url", flags->settings.database_url,
                 "PostgreSQL; the password comes from PGPASSFILE, never from here")
      ->type_name("URL");
  service::NameEnvironment(app);
  // Without a variable: the services' SLUICE_PIPELINE may name several.
  app.add_option("--pipeline", flags->pipeline, "Name of the pipeline, or its folder or file")
      ->type_name("NAME|DIR");
}

std::vector<std::string> Complete(GlobalFlags* flags) {
  std::vector<std::string> problems;
  Settings& settings = flags->settings;
  settings.pipeline = flags->pipeline;
  settings.format = flags->output == "json" ? Format::kJson : Format::kTable;
  settings.kafka.properties = service::ParseKafkaProperties(flags->properties, &problems);
  settings.endpoints = service::SplitAll(flags->endpoints, ',');
  settings.endpoints_given = !settings.endpoints.empty();
  if (!settings.endpoints_given) {
    settings.endpoints.assign(std::begin(kDefaultEndpoints), std::end(kDefaultEndpoints));
  }
  for (const std::string& endpoint : settings.endpoints) {
    const auto address = service::ParseAddress(endpoint);
    if (!address.ok()) problems.push_back(Concat("--endpoint: ", address.status().message()));
  }
  settings.endpoints = EachReplica(settings.endpoints);
  if (service::HoldsPassword(settings.database_url)) {
    problems.push_back(
        "--database-url holds a password: put it into a password file and set PGPASSFILE");
  }
  return problems;
}

}  // namespace

CommandLine::CommandLine()
    : commands_(MakeCommands()),
      app_(std::make_unique<CLI::App>("Looks at Sluice's pipelines from outside, and operates them",
                                      "sluicectl")) {
  flags_.settings.kafka.bootstrap_servers = "127.0.0.1:9092";
  flags_.settings.kafka.client_id = "sluicectl";
  app_->set_version_flag("--version", Concat("sluicectl ", Version()));
  app_->footer(kFooter);
  app_->fallthrough();
  app_->allow_extras();  // to say which word is not understood
  AddGlobalFlags(*app_, &flags_);
  for (const auto& command : commands_) {
    CLI::App* sub = app_->add_subcommand(command->name(), command->description());
    sub->fallthrough();
    command->AddFlags(*sub);
    by_app_[sub] = command.get();
  }
}

CommandLine::~CommandLine() = default;

std::optional<int> CommandLine::Parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  std::vector<std::string> problems = Complete(&flags_);
  for (const std::string& word : app_->remaining(/*recurse=*/true)) {
    problems.push_back(Concat("`", word, "` is no command or flag here"));
  }
  const std::vector<CLI::App*> chosen = app_->get_subcommands();
  if (problems.empty() && chosen.size() != 1) {
    problems.push_back("exactly one command is needed; sluicectl --help lists them");
  }
  for (const std::string& problem : problems)
    std::fprintf(stderr, "sluicectl: %s\n", problem.c_str());
  if (!problems.empty()) return 2;
  chosen_ = by_app_.at(chosen.front());
  return std::nullopt;
}

}  // namespace sluice::sluicectl
