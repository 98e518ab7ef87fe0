#pragma once
// Decides where a partition stops, because a record breaks a rule whose action is `fail`, or
// because too many of its records fail. Counts source offsets, so that neither the cut of the
// batches nor who counts makes a difference; what it has counted travels in the header of each
// batch (batch::Breaker).

#include <cstdint>
#include <optional>
#include <string>

#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "rules/rule_evaluator.h"

namespace sluice::qc {

/// Without state of its own. A failure is a record whose verdict is `failed` or `corrupt`. The
/// windows of the failure rate are [0, w), [w, 2w), ... of the source offsets; the breaker trips at
/// the first record with which more than `max_failure_rate * w` records of its window have failed.
class Breaker {
 public:
  explicit Breaker(const std::optional<contract::BreakerConfig>& config);

  /// Go through the judged `rows` that account for `range`. `state` is a closed breaker's, moved on
  /// to the end of the range. When it trips, to the record at which it does, and true: that record
  /// and what follows must not be emitted. `outcome` is of the same rows (unused without rows).
  bool Judge(const contract::Contract& contract, const arrow::RecordBatch& rows,
             const rules::Outcome& outcome, const batch::Range& range, batch::Breaker* state) const;

  /// The offset up to which an operator lets records pass who does not say it: behind the record
  /// for a rule, the window's end for a rate. `open` is an open breaker's state.
  static batch::Offset DefaultUntil(const batch::Breaker& open);
  /// The state after an operator lets everything before `until` pass.
  static batch::Breaker Reset(const batch::Breaker& open, batch::Offset until);

 private:
  struct Record;
  void Advance(batch::Offset to, batch::Breaker* state) const;
  batch::Breaker::Cause CauseOf(const contract::Contract& contract, const rules::Outcome& outcome,
                                const Record& record, batch::Breaker* state) const;

  int64_t window_ = 0;  // 0: no limit
  int64_t limit_ = 0;   // failures that a window may have
};

}  // namespace sluice::qc
