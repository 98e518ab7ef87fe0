#include "sample/shadow_metrics.h"

#include <vector>

#include "arrow/record_batch.h"
#include "base/status.h"

namespace sluice::sample {

ShadowMetrics::ShadowMetrics(std::shared_ptr<const contract::Contract> contract,
                             const rules::MetricWindows* windows)
    : windows_(*windows), counter_(std::move(contract)) {}

absl::Status ShadowMetrics::Count(int32_t partition, const arrow::RecordBatch& rows,
                                  const batch::Range& range, const Measured& measured) {
  rules::OpenWindows& open = open_[partition];
  batch::Coverage coverage;
  SLUICE_RETURN_IF_ERROR(
      windows_.Count(rows, range, /*input_offset=*/0, &counter_, &open, &coverage.closed_windows));
  if (coverage.closed_windows.empty()) return absl::OkStatus();
  coverage.open_window = open.counts;
  for (const batch::Window& closed : coverage.closed_windows) {
    for (size_t i = 0; i < closed.counted.size(); ++i) {
      const contract::Metric& metric = counter_.contract().metrics[i];
      if (coverage.IsJudged(closed, metric))
        measured(metric, closed, metric.Value(closed.counted[i], closed.rows, closed.read));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::sample
