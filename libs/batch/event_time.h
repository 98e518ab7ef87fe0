#pragma once
// The one rule of event time. A record's event time is that of the pipeline's column, but none that
// is later than the record's own Kafka timestamp: an event of the future drags neither the
// watermark nor the windows along. Where the contract has no such column, it is the timestamp.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "arrow/array.h"

namespace sluice::batch {

/// The event times of the rows of a batch, in microseconds since the epoch. They are so near to it
/// that sums of a few do not overflow.
class EventTimes {
 public:
  /// `rows` have the BatchSchema of a contract; `column`: of that contract. One that is no
  /// timestamp, or -1, is none.
  EventTimes(const arrow::RecordBatch& rows, int column);

  /// Nothing: the row has none, because it has no value in the column or no Kafka timestamp.
  std::optional<int64_t> At(int64_t row) const {
    if (timestamps_->IsNull(row) || (events_ != nullptr && events_->IsNull(row)))
      return std::nullopt;
    const int64_t received_ms = timestamps_->Value(row);
    if (received_ms > kFarthestUs / 1000 || received_ms < 0) return std::nullopt;
    if (events_ == nullptr) return received_ms * 1000;
    const int64_t event_us = std::min(events_->Value(row), received_ms * 1000);
    if (event_us < -kFarthestUs) return std::nullopt;
    return event_us;
  }
  /// Of all rows; nothing: none has one.
  std::optional<int64_t> Newest() const;

 private:
  // Nobody's event time is so far from the epoch.
  static constexpr int64_t kFarthestUs = std::numeric_limits<int64_t>::max() >> 4;

  std::shared_ptr<arrow::TimestampArray> timestamps_;
  std::shared_ptr<arrow::TimestampArray> events_;  // null: there is no such column
};

}  // namespace sluice::batch
