#pragma once
// All subcommands, in the order of --help.

#include <memory>
#include <vector>

#include "sluicectl/command.h"

namespace sluice::sluicectl {

std::vector<std::unique_ptr<Command>> MakeCommands();

// One file each.
std::unique_ptr<Command> MakeStatusCommand();
std::unique_ptr<Command> MakeTopCommand();
std::unique_ptr<Command> MakeTapCommand();
std::unique_ptr<Command> MakePauseCommand();
std::unique_ptr<Command> MakeResumeCommand();
std::unique_ptr<Command> MakeDrainCommand();
std::unique_ptr<Command> MakeSeekCommand();
std::unique_ptr<Command> MakeVerifyCommand();
std::unique_ptr<Command> MakeRepairCommand();
std::unique_ptr<Command> MakeAcceptLossCommand();
std::unique_ptr<Command> MakeResetBreakerCommand();
std::unique_ptr<Command> MakeExplainCommand();
std::unique_ptr<Command> MakeDeadLettersCommand();
std::unique_ptr<Command> MakeSimCommand();
std::unique_ptr<Command> MakeReloadContractCommand();
std::unique_ptr<Command> MakeConfigCommand();
std::unique_ptr<Command> MakeLogLevelCommand();
std::unique_ptr<Command> MakeMigrateCommand();
std::unique_ptr<Command> MakeContractCommand();
std::unique_ptr<Command> MakeCompletionCommand();

}  // namespace sluice::sluicectl
