#include "sample/trial.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/status.h"
#include "rules/explanation.h"
#include "rules/metric_counter.h"
#include "sample/judge.h"

namespace sluice::sample {
namespace {

constexpr size_t kShownBytes = 60;

class Trial {
 public:
  Trial(std::shared_ptr<const contract::Contract> contract, const TrialOptions& options)
      : options_(options),
        contract_(contract),
        judge_(contract, options.limits),
        counter_(contract) {
    table_.reasons.resize(batch::kReasonCount);
    table_.rules.resize(contract_->rules.size());
    table_.metrics.resize(contract_->metrics.size());
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
    if (options_.window == 0) CloseWindow();
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
      check.examples.push_back({record.line, std::string(record::Subject(*contract_, judgement)),
                                std::string(record.value.substr(0, kShownBytes))});
    }
  }

  absl::Status JudgeBatch() {
    SLUICE_RETURN_IF_ERROR(judge_.Finish());
    for (size_t rule = 0; rule < table_.rules.size(); ++rule) CountRule(rule);
    for (size_t row = 0; row < rows_.size(); ++row) CountRow(row);
    if (!contract_->metrics.empty()) SLUICE_RETURN_IF_ERROR(CountMetrics());
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
    options_.each({rows_[row].line, verdict, judgement.reason,
                   record::Subject(*contract_, judgement),
                   has_columns ? outcome.FailedRules(index) : std::string_view()});
  }

  absl::Status CountMetrics() {
    SLUICE_RETURN_IF_ERROR(counter_.Bind(judge_.rows()));
    const auto rows = static_cast<int64_t>(rows_.size());
    for (int64_t row = 0; row < rows;) {
      if (window_.read == 0) first_line_ = rows_[static_cast<size_t>(row)].line;
      const int64_t end =
          options_.window == 0 ? rows : std::min(rows, row + options_.window - window_.read);
      counter_.Count(row, end, &window_);
      last_line_ = rows_[static_cast<size_t>(end - 1)].line;
      row = end;
      if (window_.read == options_.window) CloseWindow();
    }
    return absl::OkStatus();
  }

  void CloseWindow() {
    if (window_.read == 0) return;
    for (size_t i = 0; i < table_.metrics.size(); ++i) {
      const contract::Metric& metric = contract_->metrics[i];
      const double value = metric.Value(window_.counted[i], window_.rows, window_.read);
      MetricCheck& check = table_.metrics[i];
      check.lowest = check.windows == 0 ? value : std::min(check.lowest, value);
      check.highest = check.windows == 0 ? value : std::max(check.highest, value);
      ++check.windows;
      if (metric.threshold.Holds(value)) continue;
      ++check.failed;
      if (check.examples.size() < options_.examples)
        check.examples.push_back({first_line_, last_line_, value});
    }
    window_ = {};
  }

  const TrialOptions& options_;
  std::shared_ptr<const contract::Contract> contract_;
  Judge judge_;
  rules::MetricCounter counter_;
  batch::Window window_;    // of the metrics, so far: its range is not used
  int64_t first_line_ = 0;  // of the window
  int64_t last_line_ = 0;
  std::vector<Row> rows_;  // of the batch
  CheckTable table_;
};

}  // namespace

absl::StatusOr<CheckTable> TryContract(std::shared_ptr<const contract::Contract> contract,
                                       const TrialOptions& options, Sample* sample) {
  return Trial(std::move(contract), options).Run(sample);
}

}  // namespace sluice::sample
