#pragma once
// The tree of commands and flags, and a command line read by it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluicectl/command.h"

namespace sluice::sluicectl {

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();

  /// Read a command line, once. nullopt: `command` and `settings` are what it says. Else the exit
  /// code: it asked for help, or is wrong, which is said on stderr.
  std::optional<int> Parse(int argc, char** argv);

  Command& command() const { return *chosen_; }
  const Settings& settings() const { return flags_.settings; }
  const CLI::App& app() const { return *app_; }

  /// The global flags as CLI11 fills them.
  struct GlobalFlags {
    Settings settings;
    std::string output = "table";
    std::string pipeline;
    std::vector<std::string> endpoints;
    std::vector<std::string> properties;
  };

 private:
  GlobalFlags flags_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::unique_ptr<CLI::App> app_;
  std::map<const CLI::App*, Command*> by_app_;
  Command* chosen_ = nullptr;
};

}  // namespace sluice::sluicectl
