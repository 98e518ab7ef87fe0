#pragma once
// When batches are sent that are not full.

#include <algorithm>

#include "absl/time/time.h"
#include "contract/pipeline.h"

namespace sluice::ingest_validator {

/// One for all partitions, so that what is due is sent together: requests are few. Records are sent
/// `batch_age` after the first one that waits, punctuation once a partition has sent nothing for
/// `punctuation_interval`. One thread.
class EmitTimer {
 public:
  explicit EmitTimer(const contract::PipelineConfig& pipeline)
      : batch_age_(pipeline.batch_age), punctuation_interval_(pipeline.punctuation_interval) {}

  bool IsRunning() const { return emit_at_ != absl::InfiniteFuture(); }
  /// A record waits, the first one since what was due has been sent.
  void Start(absl::Time now) { emit_at_ = now + batch_age_; }
  bool RecordsAreDue(absl::Time now) const { return now >= emit_at_; }
  /// What was due has been sent. `left`: but for what waits for an acknowledgement; that stays due,
  /// and the acknowledgement wakes its sender up.
  void RecordsEmitted(absl::Time now, bool left) {
    emit_at_ = left ? now : absl::InfiniteFuture();
    waits_for_ack_ = left;
  }

  /// Whether it is time to look for partitions that have been silent.
  bool PunctuationIsDue(absl::Time now) const { return now >= punctuate_at_; }
  bool IsSilent(absl::Time last_sent, absl::Time now) const {
    return now - last_sent >= punctuation_interval_;
  }
  void Punctuated(absl::Time now) { punctuate_at_ = now + punctuation_interval_ / 4; }
  void PunctuateAtOnce() { punctuate_at_ = absl::InfinitePast(); }

  /// When something is due at the latest, but for what waits for an acknowledgement.
  absl::Time Deadline() const {
    return std::min(waits_for_ack_ ? absl::InfiniteFuture() : emit_at_, punctuate_at_);
  }

 private:
  const absl::Duration batch_age_;
  const absl::Duration punctuation_interval_;
  absl::Time emit_at_ = absl::InfiniteFuture();
  bool waits_for_ack_ = false;  // what is due stands behind an unacknowledged batch
  absl::Time punctuate_at_ = absl::InfinitePast();
};

}  // namespace sluice::ingest_validator
