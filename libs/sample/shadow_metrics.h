#pragma once
// The metrics of a contract over the windows of several partitions.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"
#include "rules/metric_counter.h"
#include "rules/metric_windows.h"

namespace sluice::sample {

/// One thread.
class ShadowMetrics {
 public:
  /// `windows` outlives this object.
  ShadowMetrics(std::shared_ptr<const contract::Contract> contract,
                const rules::MetricWindows* windows);

  /// Called for each metric of a window that has ended and may be judged.
  using Measured = std::function<void(const contract::Metric&, const batch::Window&, double value)>;
  /// Count `rows` of a partition, which account for `range`. Where it does not begin at the end of
  /// the range before, the windows begin anew.
  absl::Status Count(int32_t partition, const arrow::RecordBatch& rows, const batch::Range& range,
                     const Measured& measured);

 private:
  const rules::MetricWindows& windows_;
  rules::MetricCounter counter_;
  std::map<int32_t, rules::OpenWindows> open_;  // by partition
};

}  // namespace sluice::sample
