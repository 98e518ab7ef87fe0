#pragma once
// A partition that this process owns: which state it is in, when it is opened next, and whether it
// has recovered from its faults.
//
//   opening --Open ok--> running --fault, retryable--> blocked --backoff--> opening
//      |                    |------fault, else--------> stopped --resume--> opening
//      |                    |------breaker open-------> tripped --reset---> opening
//      '--Open fails-> blocked, stopped or tripped;  pause: any --> paused --resume--> opening

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/backoff.h"
#include "kafka/types.h"
#include "service/pipeline_control.h"

namespace sluice::stage {

/// Says what is to be done and decides nothing else: the loop opens and closes. One thread. Offsets
/// are of the input.
class OwnedPartition {
 public:
  OwnedPartition();

  service::PartitionState state() const { return state_; }
  bool IsOpen() const { return state_ == service::PartitionState::kRunning; }
  /// Open again after a fault, and not yet as far as it was then.
  bool IsFailing() const { return IsOpen() && !error_.empty(); }
  /// To be opened, but not before open_at().
  bool WaitsToOpen() const {
    return state_ == service::PartitionState::kOpening ||
           state_ == service::PartitionState::kBlocked;
  }
  absl::Time open_at() const { return open_at_; }
  absl::Time opened_at() const { return opened_at_; }
  /// Behind the last message given to the worker.
  kafka::Offset read_to() const { return read_to_; }
  /// Source offset that the next opening goes back to.
  std::optional<int64_t> rewind_to() const { return rewind_to_; }
  /// Message of the last fault; empty once it has recovered.
  const std::string& error() const { return error_; }

  /// It is read from `from` on.
  void Opened(kafka::Offset from, absl::Time now);
  void Read(kafka::Offset offset) { read_to_ = offset + 1; }
  /// To be opened again, without a fault. No-op when it is not open.
  void Closed();
  void Paused() { state_ = service::PartitionState::kPaused; }
  void RewindTo(int64_t source_offset) { rewind_to_ = source_offset; }
  /// An operator has acted: it is opened at once.
  void OpenAtOnce();

  /// Not open any more: what comes next depends on the fault's code. `done`: the offset up to which
  /// the worker was done with it, if it was open. Returns whether that is worth a line in the log:
  /// the first fault in a row, and every stop.
  bool Failed(const absl::Status& fault, std::optional<kafka::Offset> done, absl::Time now);
  /// Whether what it had failed at is behind it. To be opened is not enough: what failed was
  /// perhaps the work after it, and would fail again. Either more is done than before, or nothing
  /// is left to do: it has been read as far as then, or to the log's `end` (-1: unknown), and the
  /// worker is `settled`.
  bool HasRecovered(std::optional<kafka::Offset> done, kafka::Offset end, bool settled) const;
  void Recovered();

 private:
  service::PartitionState state_ = service::PartitionState::kOpening;
  absl::Time open_at_ = absl::InfinitePast();
  absl::Time opened_at_ = absl::InfinitePast();
  Backoff backoff_;
  std::optional<int64_t> rewind_to_;
  kafka::Offset read_to_ = 0;
  // Of the faults that it has not recovered from: how far it had come, and the last one's message.
  kafka::Offset failed_at_ = 0;    // read_to_
  kafka::Offset done_before_ = 0;  // the worker's done offset
  std::string error_;
};

/// The partitions of this process, counted by state.
struct PartitionTally {
  int64_t owned = 0, opening = 0, paused = 0, blocked = 0, stopped = 0, tripped = 0;
  std::string cause;  ///< why the first one does not do what it is there for

  void Add(const OwnedPartition& partition);
  bool AllPaused() const { return paused > 0 && paused == owned; }
  /// kFailedPrecondition: some are stopped. kUnavailable: some are not open yet, or failing.
  absl::Status Ready() const;
};

}  // namespace sluice::stage
