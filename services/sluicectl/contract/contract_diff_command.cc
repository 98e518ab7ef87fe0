#include <algorithm>

#include "base/status.h"
#include "contract/compatibility.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using contract::Compatibility;

/// What the verdict means, in a sentence.
const char* Meaning(Compatibility compatibility) {
  switch (compatibility) {
    case Compatibility::kFull:
      return "both accept the same records";
    case Compatibility::kBackward:
      return "the new contract accepts every record of the old one, but not the other way round";
    case Compatibility::kForward:
      return "the old contract accepts every record of the new one, but not the other way round";
    case Compatibility::kNone:
      return "each may refuse records of the other";
  }
  return "";
}

class ContractDiffCommand : public Command {
 public:
  const char* name() const override { return "diff"; }
  const char* description() const override {
    return "What changes between two versions of a contract, and whether they are compatible";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("OLD", before_, "The contract in force, or its pipeline")->required();
    app.add_option("NEW", after_, "The contract to come, or its pipeline")->required();
    app.add_option("--require", required_,
                   "Exit with 1 unless the change is at least this: backward, forward or full")
        ->type_name("COMPATIBILITY")
        ->check(CLI::IsMember({"backward", "forward", "full"}));
    app.footer(
        "backward: NEW accepts every record that OLD accepts. forward: OLD accepts every record "
        "that\nNEW accepts. full: both. A record is accepted when it is clean.\n"
        "Exit codes: 0 fine, 1 less compatible than required, or a version that is not higher, "
        "2 a file\ncannot be read or has errors.\n\n"
        "Examples:\n"
        "  sluicectl contract diff orders-1.odcs.yaml orders-2.odcs.yaml\n"
        "  git show main:contract.odcs.yaml > /tmp/old.yaml\n"
        "  sluicectl contract diff /tmp/old.yaml contract.odcs.yaml --require backward");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const ContractFiles before, LoadContractFiles(before_));
    SLUICE_ASSIGN_OR_RETURN(const ContractFiles after, LoadContractFiles(after_));
    const contract::Comparison comparison = contract::Compare(*before.contract, *after.contract);
    const std::string refusal = Refusal(*before.contract, *after.contract);
    if (settings.format == Format::kJson) {
      PrintLine(ToJson(*before.contract, *after.contract, comparison, refusal).Dump());
    } else {
      PrintText(*before.contract, *after.contract, comparison, refusal);
    }
    return refusal.empty() && Suffices(comparison.compatibility()) ? Outcome::kFine
                                                                   : Outcome::kFinding;
  }

 private:
  static Table ToTable(const contract::Comparison& comparison) {
    Table table({"change", "backward", "forward", "reason"});
    for (const contract::Change& change : comparison.changes) {
      table.AddRow({change.what, change.backward, change.forward,
                    change.reason.empty() ? Json() : Json(change.reason)});
    }
    return table;
  }

  static Json ToJson(const contract::Contract& before, const contract::Contract& after,
                     const contract::Comparison& comparison, const std::string& refusal) {
    return Json::Object()
        .Set("before", before.version)
        .Set("after", after.version)
        .Set("compatibility", comparison.name())
        .Set("changes", ToTable(comparison).ToJson())
        .Set("refused", refusal.empty() ? Json() : Json(refusal));
  }

  static void PrintText(const contract::Contract& before, const contract::Contract& after,
                        const contract::Comparison& comparison, const std::string& refusal) {
    if (comparison.changes.empty()) {
      PrintLine("no column, rule, metric or action changes");
    } else {
      Print(ToTable(comparison), Format::kTable);
    }
    PrintLine(Concat("\ncompatibility of ", after.version, " with ", before.version, ": ",
                     comparison.name(), " (", Meaning(comparison.compatibility()), ")"));
    if (!refusal.empty()) PrintLine(refusal);
  }

  bool Suffices(Compatibility compatibility) const {
    if (required_.empty() || compatibility == Compatibility::kFull) return true;
    return contract::kCompatibilityNames[static_cast<size_t>(compatibility)] == required_;
  }

  std::string before_;
  std::string after_;
  std::string required_;
};

}  // namespace

std::unique_ptr<Command> MakeContractDiffCommand() {
  return std::make_unique<ContractDiffCommand>();
}

}  // namespace sluice::sluicectl
