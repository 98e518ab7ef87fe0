#include "sample/trial.h"

#include "arrow/record_batch.h"
#include "base/status.h"
#include "rules/explanation.h"
#include "sample/judge.h"

namespace sluice::sample {
namespace {

constexpr size_t kShownBytes = 60;

class Trial {
 public:
  Trial(std::shared_ptr<const contract::Contract> contract, const TrialOptions& options)
      : options_(options), contract_(contract), judge_(contract, options.limits) {
    table_.reasons.resize(batch::kReasonCount);
    table_.rules.resize(contract_->rules.size());
  }

  absl::StatusOr<CheckTable> Run(Sample* sample) {
    Record record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool found, sample->Next(&record));
      if (!found) break;
      Add(record);
      if (judge_.Full()) SLUICE_RETURN_IF_ERROR(JudgeBatch());
    }
    SLUICE_RETURN_IF_ERROR(JudgeBatch());
    return std::move(table_);
  }

 private:
  struct Row {
    int64_t line;
    record::Judgement judgement;
  };

  void Add(const Record& record) {
    const record::Judgement judgement =
        judge_.Add(std::nullopt, record.value, options_.timestamp_ms, table_.records++);
    rows_.push_back({record.line, judgement});
    if (!judgement.reason) return;
    ReasonCheck& check = table_.reasons[static_cast<size_t>(*judgement.reason)];
    if (check.records++ < static_cast<int64_t>(options_.examples)) {
      const auto column = static_cast<size_t>(judgement.column);
      check.examples.push_back({record.line,
                                judgement.column < 0 ? "" : contract_->columns[column].name,
                                std::string(record.value.substr(0, kShownBytes))});
    }
  }

  absl::Status JudgeBatch() {
    SLUICE_RETURN_IF_ERROR(judge_.Finish());
    for (size_t rule = 0; rule < table_.rules.size(); ++rule) CountRule(rule);
    for (size_t row = 0; row < rows_.size(); ++row) CountRow(row);
    rows_.clear();
    return absl::OkStatus();
  }

  void CountRule(size_t rule) {
    const rules::Outcome& outcome = judge_.outcome();
    const arrow::RecordBatch& batch = judge_.rows();
    RuleCheck& check = table_.rules[rule];
    check.evaluated += outcome.evaluated[rule];
    check.failed += outcome.failed[rule];
    if (outcome.failed[rule] == 0) return;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      if (check.examples.size() >= options_.examples) return;
      if (!rules::IsBroken(outcome.FailedRules(row), static_cast<int>(rule))) continue;
      check.examples.push_back(
          {rows_[static_cast<size_t>(row)].line, "",
           rules::OffendingValue(*contract_, contract_->rules[rule], batch, row)});
    }
  }

  void CountRow(size_t row) {
    const auto index = static_cast<int64_t>(row);
    const rules::Outcome& outcome = judge_.outcome();
    const batch::Verdict verdict = outcome.verdicts[row];
    ++table_.verdicts[static_cast<size_t>(verdict)];
    if (verdict == batch::Verdict::kClean && outcome.HasFailedRules(index)) ++table_.warned;
    if (!options_.each) return;
    const record::Judgement& judgement = rows_[row].judgement;
    const bool has_columns = judgement.verdict == batch::Verdict::kValid;
    options_.each({rows_[row].line, verdict, judgement.reason, judgement.column,
                   has_columns ? outcome.FailedRules(index) : std::string_view()});
  }

  const TrialOptions& options_;
  std::shared_ptr<const contract::Contract> contract_;
  Judge judge_;
  std::vector<Row> rows_;  // of the batch
  CheckTable table_;
};

}  // namespace

absl::StatusOr<CheckTable> TryContract(std::shared_ptr<const contract::Contract> contract,
                                       const TrialOptions& options, Sample* sample) {
  return Trial(std::move(contract), options).Run(sample);
}

}  // namespace sluice::sample
