#pragma once
// Measures the metrics of a contract over windows of source offsets or of event time. Which records
// a window has and where it closes follows from the records in the order of their offsets alone, so
// that neither the cut of the batches nor who counts makes a difference; what the open windows have
// counted travels in the header of each batch (batch::OpenWindow).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/pipeline.h"
#include "contract/window_size.h"
#include "rules/metric_counter.h"
#include "rules/seen_values.h"

namespace sluice::rules {

/// The windows that are open: what they have counted, and the values that they have seen.
struct OpenWindows {
  batch::OpenWindow counts;  ///< in the header of each batch
  /// In memory only: of each of counts.time->windows; without these, of counts.window.
  std::vector<WindowMemory> memories;

  /// Those of a header whose windows have seen no value.
  static OpenWindows Of(const batch::OpenWindow& header);
  /// Offset in the stage's input from which the memories can be made again; none: they are empty.
  std::optional<int64_t> ReadFrom() const;
};

/// Without state of its own.
///
/// Windows of source offsets are [0, w), [w, 2w), ... of a partition. Windows of event time are as
/// long since the epoch, and a record's is as batch::EventTimes has it. A window closes at the
/// first record whose event time is `delay` or more beyond its end. One whose window has closed is
/// late, and in none; one without event time is in the window of the newest.
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

  bool OfEventTime() const { return records_ == 0; }

  /// Count `rows`, which account for `range` (not empty) and came at `input_offset` of the stage's
  /// input, on top of `open`, and move it on to the end of the range. The windows that close in it
  /// are put in `closed`, but for those without rows.
  absl::Status Count(const arrow::RecordBatch& rows, const batch::Range& range,
                     int64_t input_offset, MetricCounter* counter, OpenWindows* open,
                     std::vector<batch::Window>* closed) const;

  /// Make the memories of `header` again: count on an empty OpenWindows what came since the source
  /// offset that this returns, up to the end of the header's range, then call Remember. Nothing:
  /// the header is of another setting, and counting begins anew.
  std::optional<batch::Offset> CountAgainFrom(const batch::OpenWindow& header) const;
  /// The header's windows with the values that those `counted` again have seen. Nothing: they have
  /// not counted the same.
  static std::optional<OpenWindows> Remember(const batch::OpenWindow& header, OpenWindows counted);

 private:
  OpenWindows Begin(batch::Offset at, const contract::Contract& contract) const;
  bool IsOfThisSetting(const batch::OpenWindow& open) const;
  bool Continues(const batch::OpenWindow& open, const contract::Contract& contract) const;
  void CountByOffset(const arrow::RecordBatch& rows, const batch::Range& range,
                     MetricCounter* counter, batch::Window* open, WindowMemory* memory,
                     std::vector<batch::Window>* closed) const;
  void CountByTime(const arrow::RecordBatch& rows, MetricCounter* counter, OpenWindows* open,
                   std::vector<batch::Window>* closed) const;
  batch::Offset EndOf(batch::Offset offset) const;

  int64_t records_;  // 0: of event time
  int64_t time_us_;
  int64_t delay_us_;
  std::string column_;
};

}  // namespace sluice::rules
