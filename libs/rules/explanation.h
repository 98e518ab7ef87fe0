#pragma once
// What a judgement says in words: for qc_summary, cell_failures and `sluicectl explain`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "rules/rule_evaluator.h"

namespace sluice::rules {

/// Longer cells are cut at a character's border and end in `...`.
inline constexpr size_t kMaxValueBytes = 256;

/// Whether rule `rule` is broken according to the bits of a row (`_failed_rules`).
bool IsBroken(std::string_view failed_rules, int rule);

/// The summaries of the broken rules: "fuel_level null, speed_kmph > 250". Without the warnings,
/// unless asked for.
std::string Summary(const contract::Contract& contract, std::string_view failed_rules,
                    bool with_warnings = false);

/// The cell of contract column `column` as text: timestamps and dates in ISO 8601, numbers in their
/// shortest form, arrays as JSON. Nothing when it is null.
std::optional<std::string> OffendingValue(const contract::Contract& contract,
                                          const arrow::RecordBatch& batch, int64_t row, int column);

/// What a rule looked at: the cell of its column, or `a = 1, b = null` for a row rule.
std::optional<std::string> OffendingValue(const contract::Contract& contract,
                                          const contract::Rule& rule,
                                          const arrow::RecordBatch& batch, int64_t row);

/// The contract's columns that a rule looks at.
std::vector<int> ColumnsOf(const contract::Rule& rule);

/// One rule applied to one record.
struct RuleResult {
  int rule = 0;  ///< index into Contract::rules
  bool passed = true;
  std::optional<std::string> value;  ///< OffendingValue
};

/// Every rule of the contract applied to one row that has columns, by the same engine that judges
/// batches.
absl::StatusOr<std::vector<RuleResult>> Explain(RuleEvaluator* evaluator,
                                                const arrow::RecordBatch& batch, int64_t row);

}  // namespace sluice::rules
