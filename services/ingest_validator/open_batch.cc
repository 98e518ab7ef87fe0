#include "ingest_validator/open_batch.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/fault_point.h"
#include "batch/event_time.h"

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
  const std::optional<int64_t> newest_us =
      batch::EventTimes(rows, judge_->event_time_column).Newest();
  if (!newest_us) return;
  const int64_t watermark_us = *newest_us - absl::ToInt64Microseconds(pipeline_.watermark_delay);
  header_.watermark_us = std::max(header_.watermark_us.value_or(watermark_us), watermark_us);
}

}  // namespace sluice::ingest_validator
