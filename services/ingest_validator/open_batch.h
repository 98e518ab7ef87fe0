#pragma once
// The batch of a partition that records are added to, until it is closed and sent.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/pipeline.h"
#include "ingest_validator/judge.h"
#include "record/batch_builder.h"

namespace sluice::ingest_validator {

/// A batch that is ready to be sent.
struct ClosedBatch {
  batch::Coverage coverage;
  std::shared_ptr<arrow::RecordBatch> rows;
};

/// One for each open partition, from batch to batch: the next one begins where the last one ended.
/// One thread. `judge` and `pipeline` outlive it.
class OpenBatch {
 public:
  /// The first record is the one at `next`. `last`: header of the batch before, or what is known
  /// without one.
  OpenBatch(Judge* judge, const contract::PipelineConfig& pipeline, const batch::Coverage& last,
            batch::Offset next, absl::Time now);

  /// What all batches of the partition have in common, as of the last one closed: `range.next` is
  /// its end.
  const batch::Coverage& header() const { return header_; }
  Judge& judge() const { return *judge_; }
  bool empty() const { return builder_.empty(); }
  /// To be closed, whatever its age.
  bool IsFull() const;

  /// Judge a record and add it. One that lies before the end is a repeat, and left out. Returns why
  /// it is corrupt, if it is. The arguments are borrowed for the call.
  std::optional<batch::Reason> Add(std::optional<std::string_view> key,
                                   std::optional<std::string_view> value, int64_t timestamp_ms,
                                   batch::Offset offset);
  /// Close the batch; without records it is punctuation.
  ClosedBatch Close(absl::Time now);
  /// Another contract is in force from here on. Only while it is empty.
  void JudgeBy(Judge* judge);

 private:
  void AdvanceWatermark(const arrow::RecordBatch& rows);

  const contract::PipelineConfig& pipeline_;
  Judge* judge_;
  record::BatchBuilder builder_;
  batch::Coverage header_;
  batch::Offset next_;      // source offset after the last record added
  absl::Time last_record_;  // when a batch with records was last closed
};

}  // namespace sluice::ingest_validator
