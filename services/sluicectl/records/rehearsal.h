#pragma once
// What the validator and qc would make of a value today, by the contract file and with their own
// engine.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::sluicectl {

class Rehearsal {
 public:
  struct Result {
    batch::Verdict verdict = batch::Verdict::kClean;
    std::string why;  ///< the reason why it is corrupt, or the rules it breaks, warnings too
  };

  /// With the contract file that `pipeline` names.
  static absl::StatusOr<Rehearsal> Open(const contract::PipelineConfig& pipeline);

  /// As if the record came now.
  absl::StatusOr<Result> Judge(std::optional<std::string_view> key,
                               std::optional<std::string_view> value);

  const contract::Contract& contract() const { return *contract_; }

 private:
  Rehearsal(const contract::PipelineConfig& pipeline,
            std::shared_ptr<const contract::Contract> contract);

  std::shared_ptr<const contract::Contract> contract_;  // shared with parser and evaluator
  std::unique_ptr<record::RecordParser> parser_;
  std::unique_ptr<rules::RuleEvaluator> evaluator_;
};

}  // namespace sluice::sluicectl
