#pragma once
// The command line: global flags, one subcommand, its exit code.

namespace sluice::sluicectl {

/// 0 fine, 1 something was found or did not work, 2 wrong usage.
int RunApplication(int argc, char** argv);

}  // namespace sluice::sluicectl
