#pragma once
// What a subcommand is. A new one: a file with a class, and a line in commands.cc.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kafka/types.h"

namespace CLI {
class App;
}

namespace sluice::sluicectl {

enum class Format { kTable, kJson };

/// The global flags, as given.
struct Settings {
  Format format = Format::kTable;
  std::vector<std::string> endpoints;
  bool endpoints_given = false;  ///< else the default ones: not all of them need to be there
  kafka::ClientConfig kafka;
  std::string database_url;
  std::string pipeline;  ///< a name, a folder or a file; empty: not given
};

enum class Outcome {
  kFine = 0,
  kFinding = 1,  ///< it worked, and what it shows is not as it should be
};

/// Made once per process; AddFlags, then Run.
class Command {
 public:
  virtual ~Command() = default;
  virtual const char* name() const = 0;
  virtual const char* description() const = 0;
  /// Flags and arguments of its own.
  virtual void AddFlags(CLI::App& app) {}
  /// Prints its result to stdout. kInvalidArgument: wrong usage (exit 2); any other error: exit 1.
  virtual absl::StatusOr<Outcome> Run(const Settings& settings) = 0;
};

}  // namespace sluice::sluicectl
