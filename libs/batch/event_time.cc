#include "batch/event_time.h"

#include <algorithm>
#include <utility>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "batch/schema.h"

namespace sluice::batch {

EventTimes::EventTimes(const arrow::RecordBatch& rows, int column)
    : timestamps_(std::static_pointer_cast<arrow::TimestampArray>(rows.column(kTimestamp))) {
  if (column < 0) return;
  std::shared_ptr<arrow::Array> events = rows.column(kSystemColumns + column);
  if (events->type_id() == arrow::Type::TIMESTAMP)
    events_ = std::static_pointer_cast<arrow::TimestampArray>(std::move(events));
}

std::optional<int64_t> EventTimes::Newest() const {
  std::optional<int64_t> newest;
  for (int64_t row = 0; row < timestamps_->length(); ++row) newest = std::max(newest, At(row));
  return newest;
}

}  // namespace sluice::batch
