#include "sample/trial.h"

#include <algorithm>
#include <limits>

#include "arrow/record_batch.h"
#include "base/status.h"
#include "rules/explanation.h"
#include "rules/metric_counter.h"
#include "rules/metric_windows.h"
#include "sample/judge.h"

namespace sluice::sample {
namespace {

constexpr size_t kShownBytes = 60;
constexpr contract::WindowSize kWholeSample{std::numeric_limits<int64_t>::max(), {}};

class Trial {
 public:
  Trial(std::shared_ptr<const contract::Contract> contract, const TrialOptions& options)
      : options_(options),
        contract_(contract),
        judge_(contract, options.limits),
        counter_(contract, std::numeric_limits<int64_t>::max()),
        windows_(options.window.value_or(kWholeSample), options.watermark_delay,
                 options.event_time_column) {
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
    if (!options_.window && open_.counts.window.read > 0) AddWindow(open_.counts.window);
    if (open_.counts.time) {
      for (const batch::Window& window : open_.counts.time->windows) late_ += window.late;
      table_.late = late_;
    }
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
      check.examples.push_back({record.line, record::Subject(*contract_, judgement),
                                std::string(record.value.substr(0, kShownBytes))});
    }
  }

  absl::Status JudgeBatch() {
    SLUICE_RETURN_IF_ERROR(judge_.Finish());
    for (size_t rule = 0; rule < table_.rules.size(); ++rule) CountRule(rule);
    for (size_t row = 0; row < rows_.size(); ++row) CountRow(row);
    if (!rows_.empty()) SLUICE_RETURN_IF_ERROR(CountMetrics());
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
    const batch::Offset next = table_.records;
    first_row_ = next - static_cast<int64_t>(rows_.size());
    std::vector<batch::Window> closed;
    SLUICE_RETURN_IF_ERROR(
        windows_.Count(judge_.rows(), {first_row_, next}, 0, &counter_, &open_, &closed));
    for (const batch::Window& window : closed) AddWindow(window);
    if (open_.counts.window.range.first < next)
      first_line_ = LineOf(open_.counts.window.range.first);
    last_line_ = rows_.back().line;
    return absl::OkStatus();
  }

  /// Of a record of this batch, or of the first one of the window of records that is open.
  int64_t LineOf(batch::Offset record) const {
    return record < first_row_ ? first_line_ : rows_[static_cast<size_t>(record - first_row_)].line;
  }

  MetricExample Place(const batch::Window& window) const {
    if (open_.counts.time) return {0, 0, window.start_us, 0};
    if (rows_.empty()) return {first_line_, last_line_, std::nullopt, 0};  // the whole sample
    return {LineOf(window.range.first), LineOf(window.range.next - 1), std::nullopt, 0};
  }

  void AddWindow(const batch::Window& window) {
    late_ += window.late;
    for (size_t i = 0; i < table_.metrics.size(); ++i) {
      const contract::Metric& metric = contract_->metrics[i];
      const double value = metric.Value(window.counted[i], window.rows, window.read);
      MetricCheck& check = table_.metrics[i];
      check.lowest = check.windows == 0 ? value : std::min(check.lowest, value);
      check.highest = check.windows == 0 ? value : std::max(check.highest, value);
      ++check.windows;
      if (metric.threshold.Holds(value)) continue;
      ++check.failed;
      if (check.examples.size() >= options_.examples) continue;
      check.examples.push_back(Place(window));
      check.examples.back().value = value;
    }
  }

  const TrialOptions& options_;
  std::shared_ptr<const contract::Contract> contract_;
  Judge judge_;
  rules::MetricCounter counter_;
  rules::MetricWindows windows_;
  rules::OpenWindows open_;
  int64_t late_ = 0;
  int64_t first_line_ = 0;  // of the open window of records
  int64_t last_line_ = 0;   // of the sample, so far
  std::vector<Row> rows_;   // of the batch
  int64_t first_row_ = 0;   // the number of its first record
  CheckTable table_;
};

}  // namespace

absl::StatusOr<CheckTable> TryContract(std::shared_ptr<const contract::Contract> contract,
                                       const TrialOptions& options, Sample* sample) {
  return Trial(std::move(contract), options).Run(sample);
}

}  // namespace sluice::sample
