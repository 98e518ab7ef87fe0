#pragma once
// What qc adds to a batch.

#include <memory>

#include "arrow/type_fwd.h"
#include "rules/rule_evaluator.h"

namespace sluice::qc {

/// The same rows with the verdicts and broken rules of `outcome`; all other columns are shared.
std::shared_ptr<arrow::RecordBatch> WithJudgement(const arrow::RecordBatch& rows,
                                                  const rules::Outcome& outcome);

}  // namespace sluice::qc
