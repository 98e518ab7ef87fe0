#include <algorithm>

#include "base/status.h"
#include "contract/lint.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using contract::Problem;

Table ToTable(const std::vector<Problem>& problems) {
  Table table({"file", "line", "column", "severity", "message", "rule"});
  for (const Problem& problem : problems) {
    table.AddRow({problem.file, problem.line, problem.column,
                  problem.severity == Problem::Severity::kError ? "error" : "warning",
                  problem.message, problem.id});
  }
  return table;
}

class ContractLintCommand : public Command {
 public:
  const char* name() const override { return "lint"; }
  const char* description() const override {
    return "All findings of contracts, and of pipelines with their contracts";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("CONTRACT", paths_, "A contract, or a pipeline's file or folder (repeatable)")
        ->required();
    fail_on_.AddFlag(app);
    app.footer(
        "Prints file:line:column: error|warning: what, and what to do [rule].\n"
        "Exit codes: 0 nothing found, 1 a finding, 2 a file cannot be read.\n\n"
        "Examples:\n"
        "  sluicectl contract lint orders.odcs.yaml\n"
        "  sluicectl contract lint pipelines/* -o json\n"
        "  sluicectl contract lint pipelines/orders --fail-on warning");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    std::vector<Problem> problems;
    for (const std::string& path : paths_) {
      const auto found = contract::Lint(path);
      if (!found.ok()) return AsUsage(found.status());
      problems.insert(problems.end(), found->begin(), found->end());
    }
    if (settings.format == Format::kJson) {
      Print(ToTable(problems), settings.format);
    } else {
      PrintLine(problems.empty() ? "nothing found" : contract::ToString(problems));
    }
    const auto any = [&](Problem::Severity severity) {
      return !contract::Only(severity, problems).empty();
    };
    return fail_on_.Judge(any(Problem::Severity::kError), any(Problem::Severity::kWarning));
  }

 private:
  std::vector<std::string> paths_;
  FailOn fail_on_;
};

}  // namespace

std::unique_ptr<Command> MakeContractLintCommand() {
  return std::make_unique<ContractLintCommand>();
}

}  // namespace sluice::sluicectl
