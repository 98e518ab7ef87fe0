#pragma once
// A script that completes command lines in bash, made from the tree of the commands.

#include <string>

namespace CLI {
class App;
}

namespace sluice::sluicectl {

/// Of `root` and everything below it: commands, flags, and values where the flag names them.
std::string BashCompletion(const CLI::App& root);

}  // namespace sluice::sluicectl
