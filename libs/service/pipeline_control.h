#pragma once
// What the admin API and the health endpoints may ask of one running pipeline in a process. The
// stage loop implements it (libs/stage), and the simulator does; the shell (libs/service) calls it
// from any thread. No call blocks longer than ten seconds: changes are handed to the owning
// thread and waited for with a deadline (kDeadlineExceeded).

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/compatibility.h"

namespace sluice::service {

enum class PartitionState : uint8_t {
  kOpening,  ///< reading where to go on
  kRunning,
  kPaused,    ///< by an operator
  kDraining,  ///< takes no new input, finishes what it has
  kBlocked,   ///< waits for a sink or for Kafka, retrying
  kStopped,   ///< refused, by name: see `error`
  kGap,       ///< an internal gap is open: nothing is applied beyond it
  kTripped,   ///< the breaker is open: see `error`
};
inline constexpr const char* kPartitionStateNames[] = {"opening", "running", "paused", "draining",
                                                       "blocked", "stopped", "gap",    "tripped"};

/// One source partition as this process sees it. Offsets are source offsets.
struct PartitionStatus {
  int32_t partition = 0;
  PartitionState state = PartitionState::kOpening;
  int64_t next =
      -1;  ///< the position: everything before it is accounted for downstream of this stage
  int64_t origin = -1;
  int64_t lag =
      -1;  ///< source records (validator) or internal messages (others) behind; -1 unknown
  std::map<std::string, int64_t> verdicts;  ///< records since the process started, by verdict name
  int64_t repeated_records = 0;
  std::optional<int64_t> gap_first, gap_next;  ///< the missing range, when a gap is open
  std::optional<int64_t> watermark_us;
  bool idle = false;
  std::string contract_version;
  std::string contract_hash;
  std::string error;  ///< why it is stopped or blocked; empty otherwise
};

struct PipelineStatus {
  std::string pipeline;
  int32_t generation = 1;
  std::string stage;  ///< "validated", "checked", a sink's name, or "simulator"
  std::string instance_id;
  std::string
      state;  ///< "starting", "running", "paused", "draining", "drained", "stopping", "failed"
  std::string error;
  int64_t uptime_ms = 0;
  std::vector<PartitionStatus> partitions;
  /// Of a sink: how long ago the event time of the newest record is that has landed, of the
  /// partitions of this process; and how long ago it may be.
  std::optional<int64_t> freshness_ms, freshness_objective_ms;
};

/// One sampled record.
struct TappedRecord {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = -1;
  std::string verdict;
  std::string reason;  ///< of a corrupt record
  std::vector<std::string> failed_rules;
  std::string key;   ///< bytes
  std::string json;  ///< the columns as a JSON object; the raw bytes (capped) when there are none
  bool columns = false;   ///< whether `json` holds columns
  bool redacted = false;  ///< whether values are hidden, because the contract classifies them
};

/// All that are given have to be true of a record.
struct TapFilter {
  std::optional<std::string> verdict;
  std::optional<std::string> rule;    ///< that it breaks
  std::optional<std::string> column;  ///< of which it breaks a rule
  std::optional<std::string> reason;  ///< why it is corrupt
  std::optional<int32_t> partition;
  int64_t limit = 100;  ///< at most this many records in all
  bool show_classified = false;
};

/// A running tap: bounded queue; records are dropped, never waited for, when the reader is slow.
/// Destroy to end it.
class TapStream {
 public:
  virtual ~TapStream() = default;
  /// Next record; nullopt when none came within `timeout` or the limit is reached (then `done()`).
  virtual std::optional<TappedRecord> Next(absl::Duration timeout) = 0;
  virtual bool done() const = 0;
};

struct SeekResult {
  int64_t from = -1;  ///< position before
  int64_t to = -1;    ///< position after (or what it would be, with dry_run)
};

/// Which open breaker to reset, and how far records may pass.
struct BreakerResetRequest {
  std::optional<int64_t> at;  ///< only if it is open at this offset
  std::optional<int64_t>
      until;  ///< records before it pass; none: as the cause of the trip suggests
  bool dry_run = false;
};
struct BreakerReset {
  int64_t from = -1;   ///< the record that tripped it
  int64_t to = -1;     ///< records before it pass, or would
  std::string reason;  ///< why it was open
};

/// What a reload has changed.
struct ReloadResult {
  std::string version;              ///< in force, or pending until the next batch
  std::string previous_version;     ///< of the file before
  contract::Comparison comparison;  ///< of the two
};

class PipelineControl {
 public:
  virtual ~PipelineControl() = default;
  virtual PipelineStatus GetStatus() = 0;
  /// Empty `partitions`: all. Idempotent.
  virtual absl::Status Pause(const std::vector<int32_t>& partitions) = 0;
  virtual absl::Status Resume(const std::vector<int32_t>& partitions) = 0;
  /// Take no new input, finish what was read; the state becomes "drained". Resume undoes it.
  virtual absl::Status Drain() = 0;
  /// Only while the partition is paused. Earlier than the position is safe (repeats are trimmed);
  /// later is refused.
  virtual absl::StatusOr<SeekResult> Seek(int32_t partition, int64_t offset, bool dry_run) = 0;
  /// Emit again from a source offset, to close a gap downstream. Running stages only; early is
  /// safe.
  virtual absl::StatusOr<SeekResult> Repair(int32_t partition, int64_t from, bool dry_run) = 0;
  /// Accept that [next, begin of the log) is lost: emits it with verdict `lost`. Only for the stage
  /// that is stopped for it.
  virtual absl::StatusOr<SeekResult> AcceptLoss(int32_t partition, bool dry_run) = 0;
  /// Let the records pass that tripped the breaker of a partition.
  virtual absl::StatusOr<BreakerReset> ResetBreaker(int32_t, const BreakerResetRequest&) {
    return absl::UnimplementedError("only qc has a breaker");
  }
  /// kInvalidArgument: the filter names a rule or a column that the contract does not have.
  virtual absl::StatusOr<std::unique_ptr<TapStream>> Tap(const TapFilter& filter) = 0;
  /// Read the contract file again.
  virtual absl::StatusOr<ReloadResult> ReloadContract() = 0;
  /// The effective configuration as JSON, without secrets.
  virtual std::string ConfigJson() = 0;
  /// Whether its own loop still turns (never depends on Kafka or PostgreSQL).
  virtual bool IsAlive() = 0;
  /// OK when it holds its assignment and its dependencies answer; else why not.
  virtual absl::Status IsReady() = 0;
};

}  // namespace sluice::service
