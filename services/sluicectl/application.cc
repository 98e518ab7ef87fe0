#include "sluicectl/application.h"

#include <cstdio>

#include "base/log.h"
#include "sluicectl/command_line.h"

namespace sluice::sluicectl {
namespace {

int RunCommand(Command& command, const Settings& settings) {
  const absl::StatusOr<Outcome> outcome = command.Run(settings);
  std::fflush(stdout);
  if (outcome.ok()) return static_cast<int>(*outcome);
  std::fprintf(stderr, "sluicectl %s: %s\n", command.name(),
               std::string(outcome.status().message()).c_str());
  return absl::IsInvalidArgument(outcome.status()) ? 2 : 1;
}

}  // namespace

int RunApplication(int argc, char** argv) {
  log::Configure(log::Format::kText, "sluicectl", "");
  log::SetLevel(log::Level::kWarn);
  CommandLine line;
  if (const std::optional<int> code = line.Parse(argc, argv)) return *code;
  return RunCommand(line.command(), line.settings());
}

}  // namespace sluice::sluicectl
