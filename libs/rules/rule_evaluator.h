#pragma once
// Judges batches by the rules of a contract, column by column.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "batch/verdict.h"
#include "contract/contract.h"

namespace sluice::rules {

/// The judgement on one batch. Reused from batch to batch: its buffers keep their capacity.
struct Outcome {
  std::vector<batch::Verdict> verdicts;  ///< per row; a row that was not `valid` keeps its verdict
  int width = 1;                      ///< bytes per row in `failed_rules` (batch::FailedRulesWidth)
  std::vector<uint8_t> failed_rules;  ///< rows * width: bit i (least significant first) = rule i is
                                      ///< broken, warnings too
  std::vector<int64_t> evaluated;     ///< per rule: records judged by this batch
  std::vector<int64_t> failed;        ///< per rule: records that break it
  int64_t breaker_row = -1;  ///< the first row that breaks a rule with Action::kFail, -1: none
  int breaker_rule = -1;     ///< the first such rule of that row

  /// The bits of a row.
  std::string_view FailedRules(int64_t row) const {
    return {reinterpret_cast<const char*>(failed_rules.data()) + row * width,
            static_cast<size_t>(width)};
  }
  bool HasFailedRules(int64_t row) const;
};

/// Compiled once per contract; each object belongs to one thread. Only rows with the verdict
/// `valid` are judged: `failed` when a rule with `quarantine` or `fail` is broken, else `filtered`
/// when one with `drop` is, else `clean`.
class RuleEvaluator {
 public:
  explicit RuleEvaluator(std::shared_ptr<const contract::Contract> contract);
  ~RuleEvaluator();
  RuleEvaluator(const RuleEvaluator&) = delete;
  RuleEvaluator& operator=(const RuleEvaluator&) = delete;

  /// kInvalidArgument when the batch does not have the schema of the contract; `outcome` is then
  /// unspecified.
  absl::Status Evaluate(const arrow::RecordBatch& batch, Outcome* outcome);

  /// The same for one row, whatever its verdict is: which rules it breaks. For explanations.
  absl::StatusOr<std::string> FailedRulesOfRow(const arrow::RecordBatch& batch, int64_t row);

  const contract::Contract& contract() const { return *contract_; }

 private:
  class Impl;
  std::shared_ptr<const contract::Contract> contract_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::rules
