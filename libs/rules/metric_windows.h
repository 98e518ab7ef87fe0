#pragma once
// Measures the metrics of a contract over windows of source offsets or of event time. Which records
// a window has and where it closes follows from the records in the order of their offsets alone, so
// that neither the cut of the batches nor who counts makes a difference; what the open windows have
// counted travels in the header of each batch (batch::OpenWindow).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/pipeline.h"
#include "contract/window_size.h"
#include "rules/metric_counter.h"

namespace sluice::rules {

/// Without state of its own.
///
/// Windows of source offsets are [0, w), [w, 2w), ... of a partition. Windows of event time are as
/// long since the epoch. A record's event time is that of the column, but none that is later than
/// its own Kafka timestamp, as for the watermark; where the contract has no such column, it is the
/// timestamp. A window closes at the first record whose event time is `delay` or more beyond its
/// end. One whose window has closed is late, and in none; one without event time is in the window
/// of the newest.
///
/// A window that was begun late is measured in part (Coverage::IsWhole): where the pipeline began,
/// a contract with another content or another setting came into force, and where a repair emits
/// again, counting begins at that offset. Of event time these are the windows that begin before the
/// one of the first record counted has closed.
class MetricWindows {
 public:
  MetricWindows(const contract::WindowSize& size, absl::Duration delay, std::string column);
  explicit MetricWindows(const contract::PipelineConfig& pipeline)
      : MetricWindows(pipeline.quality_window, pipeline.watermark_delay,
                      pipeline.event_time_column) {}

  /// Count `rows`, which account for `range` (not empty), on top of `open`, and move it on to the
  /// end of the range. The windows that close in it are put in `closed`, but for those without
  /// rows.
  absl::Status Count(const arrow::RecordBatch& rows, const batch::Range& range,
                     MetricCounter* counter, batch::OpenWindow* open,
                     std::vector<batch::Window>* closed) const;

 private:
  batch::OpenWindow Begin(batch::Offset at, const contract::Contract& contract) const;
  bool Continues(const batch::OpenWindow& open, const contract::Contract& contract) const;
  void CountByOffset(const arrow::RecordBatch& rows, const batch::Range& range,
                     MetricCounter* counter, batch::Window* open,
                     std::vector<batch::Window>* closed) const;
  void CountByTime(const arrow::RecordBatch& rows, MetricCounter* counter, batch::OpenWindow* open,
                   std::vector<batch::Window>* closed) const;
  batch::Offset EndOf(batch::Offset offset) const;

  int64_t records_;  // 0: of event time
  int64_t time_us_;
  int64_t delay_us_;
  std::string column_;
};

}  // namespace sluice::rules
