#include "rules/metric_windows.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "batch/event_time.h"
#include "batch/schema.h"

namespace sluice::rules {
namespace {

batch::Window EmptyWindow(batch::Offset at, const contract::Contract& contract) {
  return {{at, at}, 0, 0, std::vector<int64_t>(contract.metrics.size()), 0, 0, false};
}

/// Finds the window of each row, and where windows close. What they count is counted in between:
/// first all rows are put into their windows, then windows() are counted, then it is finished.
class TimeSorter {
 public:
  TimeSorter(const contract::Contract& contract, OpenWindows* open)
      : contract_(contract),
        open_(open->counts),
        time_(*open->counts.time),
        open_memories_(open->memories),
        windows_(std::exchange(time_.windows, {})),
        memories_(std::exchange(open->memories, {})) {
    for (uint32_t i = 0; i < windows_.size(); ++i) by_start_.emplace(windows_[i].start_us, i);
    // What comes before any event time is known will be in the first window.
    if (!time_.newest_us) windows_.push_back(open_.window);
    newest_ = static_cast<uint32_t>(windows_.size() - 1);
  }

  /// The window of the next row; MetricCounter::kNoWindow: it is late.
  uint32_t Put(batch::Offset offset, std::optional<int64_t> event_us) {
    if (!event_us) return newest_;
    if (!time_.newest_us) return newest_ = Begin(*event_us);
    if (*event_us > *time_.newest_us) {
      time_.newest_us = event_us;
      Close(offset + 1);
      return newest_ = Find(StartOf(*event_us), offset);
    }
    const int64_t start_us = StartOf(*event_us);
    if (!HasClosed(start_us)) return Find(start_us, offset);
    ++windows_[newest_].late;
    return MetricCounter::kNoWindow;
  }

  std::vector<batch::Window>* windows() { return &windows_; }
  std::vector<WindowMemory>* memories() { return &memories_; }

  void Finish(std::vector<batch::Window>* closed) {
    for (const uint32_t window : closed_) closed->push_back(std::move(windows_[window]));
    for (const auto& [start_us, window] : by_start_) {
      time_.windows.push_back(std::move(windows_[window]));
      open_memories_.push_back(std::move(memories_[window]));
    }
    if (time_.newest_us) return;
    open_.window = std::move(windows_[newest_]);
    open_memories_.push_back(std::move(memories_[newest_]));
  }

 private:
  int64_t StartOf(int64_t event_us) const {
    const int64_t beyond = event_us % time_.size_us;
    return event_us - beyond - (beyond < 0 ? time_.size_us : 0);
  }

  bool HasClosed(int64_t start_us) const {
    return start_us + time_.size_us <= *time_.newest_us - time_.delay_us;
  }

  uint32_t Begin(int64_t event_us) {
    const int64_t start_us = StartOf(event_us);
    const batch::Offset begun = open_.window.range.first;
    time_.newest_us = event_us;
    if (begun > 0) time_.whole_from_us = start_us + time_.size_us + time_.delay_us;
    windows_[newest_].range = {begun, begun};
    windows_[newest_].start_us = start_us;
    by_start_.emplace(start_us, newest_);
    open_.window = EmptyWindow(begun, contract_);
    return newest_;
  }

  void Close(batch::Offset next) {
    while (!by_start_.empty() && HasClosed(by_start_.begin()->first)) {
      closed_.push_back(by_start_.begin()->second);
      windows_[closed_.back()].range.next = next;
      by_start_.erase(by_start_.begin());
    }
  }

  uint32_t Find(int64_t start_us, batch::Offset offset) {
    const auto [found, is_new] =
        by_start_.try_emplace(start_us, static_cast<uint32_t>(windows_.size()));
    if (is_new) {
      windows_.push_back(EmptyWindow(offset, contract_));
      windows_.back().start_us = start_us;
      memories_.emplace_back();
    }
    return found->second;
  }

  const contract::Contract& contract_;
  batch::OpenWindow& open_;
  batch::TimeWindows& time_;
  std::vector<WindowMemory>& open_memories_;
  std::vector<batch::Window> windows_;    // open, or closed by this batch, or before all event time
  std::vector<WindowMemory> memories_;    // of each of them
  std::map<int64_t, uint32_t> by_start_;  // the open ones
  std::vector<uint32_t> closed_;
  uint32_t newest_;
};

}  // namespace

MetricWindows::MetricWindows(const contract::WindowSize& size, absl::Duration delay,
                             std::string column)
    : records_(size.records),
      time_us_(absl::ToInt64Microseconds(size.event_time)),
      delay_us_(absl::ToInt64Microseconds(delay)),
      column_(std::move(column)) {}

OpenWindows OpenWindows::Of(const batch::OpenWindow& header) {
  const bool several = header.time && header.time->newest_us;
  return {header, std::vector<WindowMemory>(several ? header.time->windows.size() : 1)};
}

std::optional<int64_t> OpenWindows::ReadFrom() const {
  std::optional<int64_t> first;
  for (const WindowMemory& memory : memories) {
    if (!memory.metrics.empty() && memory.read_from)
      first = std::min(first.value_or(*memory.read_from), *memory.read_from);
  }
  return first;
}

OpenWindows MetricWindows::Begin(batch::Offset at, const contract::Contract& contract) const {
  batch::OpenWindow open{records_, contract.content_hash, EmptyWindow(at, contract), std::nullopt};
  if (records_ == 0) open.time = {time_us_, delay_us_, column_, std::nullopt, std::nullopt, {}};
  return OpenWindows::Of(open);
}

bool MetricWindows::IsOfThisSetting(const batch::OpenWindow& open) const {
  if (records_ != 0) return open.size == records_;
  return open.size == 0 && open.time && open.time->size_us == time_us_ &&
         open.time->delay_us == delay_us_ && open.time->column == column_;
}

bool MetricWindows::Continues(const batch::OpenWindow& open,
                              const contract::Contract& contract) const {
  if (!IsOfThisSetting(open) || open.contract_hash != contract.content_hash) return false;
  // Of another build's batch the counts may be anything.
  const auto fits = [&](const batch::Window& window) {
    return window.counted.size() == contract.metrics.size();
  };
  return fits(open.window) &&
         (!open.time || std::all_of(open.time->windows.begin(), open.time->windows.end(), fits));
}

absl::Status MetricWindows::Count(const arrow::RecordBatch& rows, const batch::Range& range,
                                  int64_t input_offset, MetricCounter* counter, OpenWindows* open,
                                  std::vector<batch::Window>* closed) const {
  const contract::Contract& contract = counter->contract();
  closed->clear();
  if (contract.metrics.empty()) {
    *open = {};
    return absl::OkStatus();
  }
  if (!Continues(open->counts, contract) || open->counts.window.range.next != range.first)
    *open = Begin(range.first, contract);
  SLUICE_RETURN_IF_ERROR(counter->Bind(rows));
  if (records_ != 0) {
    CountByOffset(rows, range, counter, &open->counts.window, &open->memories.front(), closed);
  } else {
    CountByTime(rows, counter, open, closed);
    open->counts.window.range.next = range.next;
  }
  // Repaired batches may stand behind later ones.
  for (WindowMemory& memory : open->memories)
    memory.read_from = std::min(memory.read_from.value_or(input_offset), input_offset);
  return absl::OkStatus();
}

std::optional<batch::Offset> MetricWindows::CountAgainFrom(const batch::OpenWindow& header) const {
  if (!IsOfThisSetting(header)) return std::nullopt;
  if (!header.time || !header.time->newest_us) return header.window.range.first;
  batch::Offset first = header.window.range.next;
  for (const batch::Window& window : header.time->windows)
    first = std::min(first, window.range.first);
  return first;
}

std::optional<OpenWindows> MetricWindows::Remember(const batch::OpenWindow& header,
                                                   OpenWindows counted) {
  OpenWindows open = OpenWindows::Of(header);
  if (counted.counts.contract_hash != header.contract_hash ||
      counted.counts.window.range.next != header.window.range.next)
    return std::nullopt;
  if (!header.time || !header.time->newest_us) {
    if (counted.counts.window != header.window) return std::nullopt;
    open.memories = std::move(counted.memories);
    return open;
  }
  if (!counted.counts.time) return std::nullopt;
  // Counting again began later, so it knows less of what was late: rows that were are in windows of
  // their own, which have closed in truth.
  const std::vector<batch::Window>& windows = counted.counts.time->windows;
  for (size_t i = 0; i < open.memories.size(); ++i) {
    const batch::Window& wanted = header.time->windows[i];
    const auto found = std::find_if(windows.begin(), windows.end(), [&](const auto& window) {
      return window.start_us == wanted.start_us;
    });
    if (found == windows.end()) return std::nullopt;
    batch::Window again = *found;
    again.late = wanted.late;
    if (again != wanted) return std::nullopt;
    open.memories[i] = std::move(counted.memories[static_cast<size_t>(found - windows.begin())]);
  }
  return open;
}

batch::Offset MetricWindows::EndOf(batch::Offset offset) const {
  const batch::Offset first = offset / records_ * records_;
  return first > std::numeric_limits<int64_t>::max() - records_
             ? std::numeric_limits<int64_t>::max()
             : first + records_;
}

void MetricWindows::CountByOffset(const arrow::RecordBatch& rows, const batch::Range& range,
                                  MetricCounter* counter, batch::Window* open, WindowMemory* memory,
                                  std::vector<batch::Window>* closed) const {
  const auto* offsets = rows.column_data(batch::kOffset)->GetValues<int64_t>(1);
  const int64_t count = rows.num_rows();
  for (int64_t row = 0; open->range.next < range.next;) {
    const batch::Offset end = EndOf(open->range.next);
    const batch::Offset stop = std::min(end, range.next);
    const int64_t row_end = std::lower_bound(offsets + row, offsets + count, stop) - offsets;
    counter->Count(row, row_end, open, memory);
    row = row_end;
    open->range.next = stop;
    if (stop < end) break;
    if (open->read > 0) closed->push_back(std::move(*open));
    // Over windows that hold nothing, of which a hole may have any number.
    const batch::Offset news = row < count ? offsets[row] : range.next;
    *open = EmptyWindow(std::max(stop, news / records_ * records_), counter->contract());
    *memory = {};
  }
}

void MetricWindows::CountByTime(const arrow::RecordBatch& rows, MetricCounter* counter,
                                OpenWindows* open, std::vector<batch::Window>* closed) const {
  const contract::Contract& contract = counter->contract();
  const auto* offsets = rows.column_data(batch::kOffset)->GetValues<int64_t>(1);
  const batch::EventTimes times(rows, contract.FindColumn(column_));
  TimeSorter sorter(contract, open);
  std::vector<uint32_t> indices(static_cast<size_t>(rows.num_rows()));
  for (int64_t row = 0; row < rows.num_rows(); ++row)
    indices[static_cast<size_t>(row)] = sorter.Put(offsets[row], times.At(row));
  counter->Count(indices, sorter.windows(), sorter.memories());
  sorter.Finish(closed);
}

}  // namespace sluice::rules
