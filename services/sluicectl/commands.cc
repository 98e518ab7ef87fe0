#include "sluicectl/commands.h"

namespace sluice::sluicectl {

std::vector<std::unique_ptr<Command>> MakeCommands() {
  using Make = std::unique_ptr<Command> (*)();
  constexpr Make kCommands[] = {
      MakeStatusCommand,      MakeTopCommand,          MakeTapCommand,
      MakePauseCommand,       MakeResumeCommand,       MakeDrainCommand,
      MakeSeekCommand,        MakeVerifyCommand,       MakeRepairCommand,
      MakeAcceptLossCommand,  MakeResetBreakerCommand, MakeExplainCommand,
      MakeDeadLettersCommand, MakeSimCommand,          MakeReloadContractCommand,
      MakeConfigCommand,      MakeLogLevelCommand,     MakeMigrateCommand,
      MakeContractCommand,    MakeCompletionCommand,
  };
  std::vector<std::unique_ptr<Command>> commands;
  for (const Make make : kCommands) commands.push_back(make());
  return commands;
}

}  // namespace sluice::sluicectl
