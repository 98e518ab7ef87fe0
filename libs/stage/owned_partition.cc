#include "stage/owned_partition.h"

#include <algorithm>

#include "base/status.h"
#include "stage/worker.h"

namespace sluice::stage {
namespace {

using service::PartitionState;

// Somebody else took the partition over: time enough to hear from the group that it is no longer
// ours.
constexpr absl::Duration kFencedPause = absl::Seconds(5);

PartitionState StateAfter(const absl::Status& fault) {
  if (IsBreakerOpen(fault)) return PartitionState::kTripped;
  // A topic or partition that is not there may be about to come: nothing was lost by waiting.
  const bool again = IsRetryable(fault) || absl::IsAborted(fault) || absl::IsNotFound(fault);
  return again ? PartitionState::kBlocked : PartitionState::kStopped;
}

}  // namespace

OwnedPartition::OwnedPartition()
    : backoff_({.initial = absl::Milliseconds(50), .max = absl::Seconds(2)}) {}

void OwnedPartition::Opened(kafka::Offset from, absl::Time now) {
  state_ = PartitionState::kRunning;
  opened_at_ = now;
  read_to_ = from;
  rewind_to_.reset();
}

void OwnedPartition::Closed() {
  if (IsOpen()) state_ = PartitionState::kOpening;
}

void OwnedPartition::OpenAtOnce() {
  state_ = PartitionState::kOpening;
  open_at_ = absl::InfinitePast();
  backoff_.Reset();
}

bool OwnedPartition::Failed(const absl::Status& fault, std::optional<kafka::Offset> done,
                            absl::Time now) {
  failed_at_ = std::max(failed_at_, read_to_);
  if (IsOpen() && done) done_before_ = std::max(done_before_, *done);
  state_ = StateAfter(fault);
  open_at_ = now + (absl::IsAborted(fault) ? kFencedPause : backoff_.Next());
  const bool first = error_.empty();
  error_ = std::string(StdView(fault.message()));
  return first || state_ != PartitionState::kBlocked;
}

bool OwnedPartition::HasRecovered(std::optional<kafka::Offset> done, kafka::Offset end,
                                  bool settled) const {
  if (done && *done > done_before_) return true;
  // The log may have been cut since.
  const kafka::Offset goal = end >= 0 ? std::min(failed_at_, end) : failed_at_;
  return read_to_ >= goal && settled;
}

void OwnedPartition::Recovered() {
  error_.clear();
  failed_at_ = done_before_ = 0;
  backoff_.Reset();
}

void PartitionTally::Add(const OwnedPartition& partition) {
  ++owned;
  opening += partition.state() == PartitionState::kOpening;
  paused += partition.state() == PartitionState::kPaused;
  blocked += partition.state() == PartitionState::kBlocked || partition.IsFailing();
  stopped += partition.state() == PartitionState::kStopped;
  tripped += partition.state() == PartitionState::kTripped;
  // A tripped one does what it is there for.
  if (cause.empty() && partition.state() != PartitionState::kTripped) cause = partition.error();
}

absl::Status PartitionTally::Ready() const {
  const std::string because = cause.empty() ? "" : Concat(": ", cause);
  if (stopped > 0)
    return absl::FailedPreconditionError(Concat(stopped, " partitions are stopped", because));
  if (opening + blocked > 0)
    return absl::UnavailableError(Concat(opening + blocked, " partitions are not open", because));
  return absl::OkStatus();
}

}  // namespace sluice::stage
