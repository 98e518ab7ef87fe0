#pragma once
// What the command lines of all programs have in common.

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::service {

/// Give every option of `app` (not of its subcommands) an environment variable: `--kafka-property`
/// becomes SLUICE_KAFKA_PROPERTY. The command line wins.
void NameEnvironment(CLI::App& app);

/// librdkafka's properties from `name=value` texts, each of which may hold several lines.
/// `name=@FILE` takes the value from a file, the only way for secrets. What is wrong is appended to
/// `problems`, without values.
std::map<std::string, std::string> ParseKafkaProperties(const std::vector<std::string>& texts,
                                                        std::vector<std::string>* problems);

/// Whether a database URL holds a password, which belongs into a password file.
bool HoldsPassword(const std::string& url);

/// Split each text at `separator`, without empty pieces: a repeatable flag as an environment
/// variable.
std::vector<std::string> SplitAll(const std::vector<std::string>& texts, char separator);

}  // namespace sluice::service
