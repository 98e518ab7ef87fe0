#include "sluicectl/records/rehearsal.h"

#include "absl/time/clock.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "record/batch_builder.h"

namespace sluice::sluicectl {

Rehearsal::Rehearsal(const contract::PipelineConfig& pipeline,
                     std::shared_ptr<const contract::Contract> contract)
    : contract_(std::move(contract)),
      parser_(std::make_unique<record::RecordParser>(contract_, record::LimitsOf(pipeline))),
      evaluator_(std::make_unique<rules::RuleEvaluator>(contract_)) {}

absl::StatusOr<Rehearsal> Rehearsal::Open(const contract::PipelineConfig& pipeline) {
  SLUICE_ASSIGN_OR_RETURN(auto contract, contract::LoadContract(pipeline.contract_path));
  return Rehearsal(pipeline, std::move(contract));
}

absl::StatusOr<Rehearsal::Result> Rehearsal::Judge(std::optional<std::string_view> key,
                                                   std::optional<std::string_view> value) {
  record::BatchBuilder builder(contract_);
  const record::Judgement judgement =
      parser_->Parse(key, value, absl::ToUnixMillis(absl::Now()), /*offset=*/0, &builder);
  if (judgement.verdict != batch::Verdict::kValid) {
    Result result{judgement.verdict, ""};
    if (judgement.reason) result.why = std::string(batch::Name(*judgement.reason));
    const std::string subject = record::Subject(*contract_, judgement);
    if (!subject.empty()) Append(&result.why, ": ", subject);
    return result;
  }
  const auto rows = builder.Finish();
  rules::Outcome outcome;
  SLUICE_RETURN_IF_ERROR(evaluator_->Evaluate(*rows, &outcome));
  Result result{outcome.verdicts[0], ""};
  for (size_t rule = 0; rule < contract_->rules.size(); ++rule) {
    if (outcome.failed[rule] > 0)
      Append(&result.why, result.why.empty() ? "" : ",", contract_->rules[rule].id);
  }
  return result;
}

}  // namespace sluice::sluicectl
