#include <CLI/CLI.hpp>

#include "sluicectl/commands.h"
#include "sluicectl/completion.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

class CompletionCommand : public Command {
 public:
  const char* name() const override { return "completion"; }
  const char* description() const override {
    return "Print a script that lets the shell complete command lines";
  }
  void AddFlags(CLI::App& app) override {
    app_ = &app;
    app.add_option("SHELL", shell_, "bash")->required()->check(CLI::IsMember({"bash"}));
    app.footer(
        "Examples:\n"
        "  source <(sluicectl completion bash)\n"
        "  sluicectl completion bash > /etc/bash_completion.d/sluicectl");
  }
  absl::StatusOr<Outcome> Run(const Settings&) override {
    PrintLine(BashCompletion(*app_->get_parent()));
    return Outcome::kFine;
  }

 private:
  const CLI::App* app_ = nullptr;
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> MakeCompletionCommand() { return std::make_unique<CompletionCommand>(); }

}  // namespace sluice::sluicectl
