#include "ingest_validator/open_batch.h"

#include <algorithm>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "batch/schema.h"

namespace sluice::ingest_validator {

OpenBatch::OpenBatch(Judge* judge, const contract::PipelineConfig& pipeline,
                     const batch::Coverage& last, batch::Offset next, absl::Time now)
    : pipeline_(pipeline),
      judge_(judge),
      builder_(judge->contract()),
      header_(last),
      next_(next),
      last_record_(now) {
  header_.contract = judge->ref;
  header_.range.next = next;
}

bool OpenBatch::IsFull() const {
  return builder_.rows() >= pipeline_.batch_rows || builder_.bytes() >= pipeline_.batch_bytes;
}

std::optional<batch::Reason> OpenBatch::Add(std::optional<std::string_view> key,
                                            std::optional<std::string_view> value,
                                            int64_t timestamp_ms, batch::Offset offset) {
  if (offset < next_) return std::nullopt;
  const record::Judgement judgement = judge_->parser.Parse(
      key, value,
      SLUICE_MISTAKE("verdict_by_clock") ? absl::ToUnixMillis(absl::Now()) : timestamp_ms, offset,
      &builder_);
  next_ = offset + 1;
  // A timestamp that no sink can store says nothing about how new the batch is.
  if (timestamp_ms <= record::kMaxTimestampMs)
    header_.newest_timestamp_ms = std::max(header_.newest_timestamp_ms, timestamp_ms);
  return judgement.reason;
}

ClosedBatch OpenBatch::Close(absl::Time now) {
  ClosedBatch closed;
  if (!empty()) last_record_ = now;
  header_.range = {header_.range.next, next_};
  header_.idle = now - last_record_ > pipeline_.idle_timeout;
  header_.counts = builder_.counts();
  closed.rows = builder_.Finish();
  AdvanceWatermark(*closed.rows);
  closed.coverage = header_;
  return closed;
}

void OpenBatch::JudgeBy(Judge* judge) {
  judge_ = judge;
  builder_ = record::BatchBuilder(judge->contract());
  header_.contract = judge->ref;
}

void OpenBatch::AdvanceWatermark(const arrow::RecordBatch& rows) {
  const auto& timestamps =
      static_cast<const arrow::TimestampArray&>(*rows.column(batch::kTimestamp));
  const int column = judge_->event_time_column;
  if (column < 0) {
    if (header_.newest_timestamp_ms >= 0) newest_event_us_ = header_.newest_timestamp_ms * 1000;
  } else if (const int field = batch::kSystemColumns + column;
             rows.column(field)->type_id() == arrow::Type::TIMESTAMP) {
    const auto& events = static_cast<const arrow::TimestampArray&>(*rows.column(field));
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      if (events.IsNull(i) || timestamps.IsNull(i)) continue;
      // Capped by the record's own timestamp: no future-dated event drags the watermark along.
      const int64_t event = std::min(events.Value(i), timestamps.Value(i) * 1000);
      newest_event_us_ = std::max(newest_event_us_.value_or(event), event);
    }
  }
  if (!newest_event_us_) return;
  const int64_t watermark =
      *newest_event_us_ - absl::ToInt64Microseconds(pipeline_.watermark_delay);
  header_.watermark_us = std::max(header_.watermark_us.value_or(watermark), watermark);
}

}  // namespace sluice::ingest_validator
