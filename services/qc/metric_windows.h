#pragma once
// Measures the metrics of a contract over windows of source offsets, so that neither the cut of the
// batches nor who counts makes a difference; what the open window has counted travels in the header
// of each batch (batch::OpenWindow).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "rules/metric_counter.h"

namespace sluice::qc {

/// Without state of its own. The windows are [0, w), [w, 2w), ... of the source offsets of a
/// partition. One that was begun late has a range that says so: where the pipeline began, where a
/// contract with another content or another window size came into force, and where a repair emits
/// again, counting begins at that offset.
class MetricWindows {
 public:
  explicit MetricWindows(int64_t size) : size_(size) {}

  /// Count `rows`, which account for `range` (not empty), on top of `open`, and move it on to the
  /// end of the range. The windows that end in it are put in `closed`, but for those without rows.
  absl::Status Count(const arrow::RecordBatch& rows, const batch::Range& range,
                     rules::MetricCounter* counter, batch::OpenWindow* open,
                     std::vector<batch::Window>* closed) const;

 private:
  batch::Offset EndOf(batch::Offset offset) const;

  int64_t size_;
};

}  // namespace sluice::qc
