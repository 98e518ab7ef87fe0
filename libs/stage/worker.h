#pragma once
// What distinguishes one stage from another: the loop (stage_loop.h) owns the thread, the group,
// the input and the operators' commands; a Worker says where a partition goes on and what becomes
// of each input message.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/consumer.h"
#include "service/pipeline_control.h"

namespace sluice::stage {

/// A partition the worker cannot go on with. Retryable and kAborted: the loop closes and opens it
/// again after a backoff. Anything else: it stays stopped, with the message as its error, until an
/// operator resumes it.
struct Fault {
  int32_t partition = 0;
  absl::Status status;
};

/// An error that says that the breaker of a partition is open: its state is then `tripped`.
absl::Status BreakerOpenError(std::string_view message);
bool IsBreakerOpen(const absl::Status& status);

/// Everything is called by the loop's thread. A partition is open between a successful Open and
/// Close.
class Worker {
 public:
  virtual ~Worker() = default;

  /// Once, before anything else, and again until it succeeds: create topics, tables. kUnavailable
  /// is retried.
  virtual absl::Status Prepare() = 0;

  /// Find out where `partition` goes on. Returns the input offset to read from. `rewind_to` (a
  /// source offset), when set, makes a stage emit again from there (repair, seek): earlier than its
  /// position only.
  virtual absl::StatusOr<kafka::Offset> Open(int32_t partition,
                                             std::optional<int64_t> rewind_to) = 0;
  /// Forget the partition; what it had not acknowledged is read again by whoever opens it next.
  virtual void Close(int32_t partition) = 0;

  /// Id of the log that an open partition's position is about; empty: its input says so itself.
  /// Messages of another log are not given to Take.
  virtual std::string InputLog(int32_t partition) const {
    (void)partition;
    return "";
  }

  /// Take one input message of an open partition. Messages before the one asked for by Open do not
  /// come.
  virtual void Take(kafka::Message message) = 0;
  /// The worker holds as much as it may: no message is given until this is false.
  virtual bool Full() const = 0;
  /// Everything taken has been emitted and acknowledged, or committed.
  virtual bool Settled() const = 0;

  /// Do what is due: acknowledgements, timers, commits. Called after every wake-up.
  virtual void Tick(absl::Time now, std::vector<Fault>* faults) = 0;
  /// When Tick has to be called at the latest.
  virtual absl::Time Deadline() const = 0;

  /// An operator accepts that the source records from the partition's position to the begin of its
  /// log are lost.
  virtual absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) = 0;
  virtual absl::StatusOr<service::ReloadResult> ReloadContract() = 0;
  /// An operator lets the records pass that tripped the breaker of a partition, which is not open.
  virtual absl::StatusOr<service::BreakerReset> ResetBreaker(int32_t,
                                                             const service::BreakerResetRequest&) {
    return absl::UnimplementedError("only qc has a breaker");
  }

  /// Input offsets that are done with, for lag exporters and as hints: never later than the truth.
  /// With each goes what is worth remembering when the own output has expired (PositionNote).
  virtual std::map<int32_t, kafka::OffsetAndMetadata> DoneOffsets() const = 0;
  /// Fill in what the worker knows of an open partition.
  virtual void Describe(int32_t partition, service::PartitionStatus* status) const = 0;
  /// The same of all partitions together.
  virtual void DescribeAll(absl::Time now, service::PipelineStatus* status) const {
    (void)now, (void)status;
  }
  /// Whether what it writes to answers (readiness). Cheap.
  virtual absl::Status Ready() = 0;
};

}  // namespace sluice::stage
