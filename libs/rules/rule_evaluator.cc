#include "rules/rule_evaluator.h"

#include <algorithm>

#include "arrow/array/data.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "rules/column_loader.h"
#include "rules/program.h"

namespace sluice::rules {

using batch::Verdict;
using contract::Action;

class RuleEvaluator::Impl {
 public:
  explicit Impl(const contract::Contract& contract) : contract_(contract), loader_(contract) {
    programs_.reserve(contract.rules.size());
    for (const contract::Rule& rule : contract.rules)
      programs_.emplace_back(rule.predicate, &loader_, &registers_);
    judged_.resize(kChunkRows);
    broken_.resize(kChunkRows);
    quarantined_.resize(kChunkRows);
    dropped_.resize(kChunkRows);
  }

  absl::Status Evaluate(const arrow::RecordBatch& batch, bool every_row, Outcome* outcome) {
    SLUICE_RETURN_IF_ERROR(Prepare(batch, outcome));
    const uint8_t* verdicts = batch.column_data(batch::kVerdict)->GetValues<uint8_t>(1);
    for (int64_t begin = 0; begin < batch.num_rows(); begin += kChunkRows) {
      const int rows = static_cast<int>(std::min<int64_t>(kChunkRows, batch.num_rows() - begin));
      JudgeChunk(verdicts + begin, begin, rows, every_row, outcome);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Prepare(const arrow::RecordBatch& batch, Outcome* outcome) {
    SLUICE_RETURN_IF_ERROR(loader_.Bind(batch));
    if (batch.column_data(batch::kVerdict)->type->id() != arrow::Type::UINT8) {
      return absl::InvalidArgumentError("the batch has no column _verdict");
    }
    outcome->width = batch::FailedRulesWidth(contract_);
    outcome->verdicts.resize(batch.num_rows());
    outcome->failed_rules.assign(batch.num_rows() * outcome->width, 0);
    outcome->evaluated.assign(contract_.rules.size(), 0);
    outcome->failed.assign(contract_.rules.size(), 0);
    outcome->breaker_row = -1;
    outcome->breaker_rule = -1;
    return absl::OkStatus();
  }

  void JudgeChunk(const uint8_t* verdicts, int64_t begin, int rows, bool every_row,
                  Outcome* outcome) {
    int judged = 0;
    for (int i = 0; i < rows; ++i) {
      judged_[i] = every_row || verdicts[i] == static_cast<uint8_t>(Verdict::kValid);
      judged += judged_[i];
    }
    std::fill_n(quarantined_.begin(), rows, 0);
    std::fill_n(dropped_.begin(), rows, 0);
    if (judged > 0) {
      loader_.Load(begin, rows);
      for (size_t rule = 0; rule < programs_.size(); ++rule) {
        outcome->evaluated[rule] += judged;
        const int broken =
            programs_[rule].Run(loader_, &registers_, judged_.data(), rows, broken_.data());
        if (broken > 0) Record(static_cast<int>(rule), broken, begin, rows, outcome);
      }
    }
    for (int i = 0; i < rows; ++i) {
      const Verdict judgement = quarantined_[i] ? Verdict::kFailed
                                : dropped_[i]   ? Verdict::kFiltered
                                                : Verdict::kClean;
      outcome->verdicts[begin + i] = judged_[i] ? judgement : static_cast<Verdict>(verdicts[i]);
    }
  }

  void Record(int rule, int broken, int64_t begin, int rows, Outcome* outcome) {
    outcome->failed[rule] += broken;
    uint8_t* bits = outcome->failed_rules.data() + begin * outcome->width + rule / 8;
    for (int i = 0; i < rows; ++i)
      bits[static_cast<int64_t>(i) * outcome->width] |= broken_[i] << (rule % 8);
    const Action action = contract_.rules[rule].action;
    if (action == Action::kWarn) return;
    std::vector<uint8_t>& target = action == Action::kDrop ? dropped_ : quarantined_;
    for (int i = 0; i < rows; ++i) target[i] |= broken_[i];
    if (action != Action::kFail) return;
    const int64_t first =
        begin + (std::find(broken_.begin(), broken_.begin() + rows, 1) - broken_.begin());
    if (outcome->breaker_row < 0 || first < outcome->breaker_row) {
      outcome->breaker_row = first;
      outcome->breaker_rule = rule;
    }
  }

  const contract::Contract& contract_;
  ColumnLoader loader_;
  Registers registers_;
  std::vector<Program> programs_;
  // One byte per row of the chunk.
  std::vector<uint8_t> judged_;
  std::vector<uint8_t> broken_;
  std::vector<uint8_t> quarantined_;
  std::vector<uint8_t> dropped_;
};

bool Outcome::HasFailedRules(int64_t row) const {
  const std::string_view bits = FailedRules(row);
  return std::any_of(bits.begin(), bits.end(), [](char c) { return c != 0; });
}

RuleEvaluator::RuleEvaluator(std::shared_ptr<const contract::Contract> contract)
    : contract_(std::move(contract)), impl_(std::make_unique<Impl>(*contract_)) {}

RuleEvaluator::~RuleEvaluator() = default;

absl::Status RuleEvaluator::Evaluate(const arrow::RecordBatch& batch, Outcome* outcome) {
  return impl_->Evaluate(batch, /*every_row=*/false, outcome);
}

absl::StatusOr<std::string> RuleEvaluator::FailedRulesOfRow(const arrow::RecordBatch& batch,
                                                            int64_t row) {
  if (row < 0 || row >= batch.num_rows())
    return absl::InvalidArgumentError(Concat("the batch has no row ", row));
  Outcome outcome;
  SLUICE_RETURN_IF_ERROR(impl_->Evaluate(*batch.Slice(row, 1), /*every_row=*/true, &outcome));
  return std::string(outcome.FailedRules(0));
}

}  // namespace sluice::rules
