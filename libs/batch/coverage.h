#pragma once
// Coverage: which source records a batch accounts for, and what a reader does with it. Pure
// functions; the laws are in ARCHITECTURE.md; docs/coverage has a model of them.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "batch/verdict.h"
#include "contract/contract.h"

namespace sluice::batch {

/// A source offset.
using Offset = int64_t;

/// The half-open range `[first, next)` of source offsets. Offsets inside may have holes.
struct Range {
  Offset first = 0;
  Offset next = 0;
  bool empty() const { return first >= next; }
  bool operator==(const Range&) const = default;
};

/// Records per verdict.
struct Counts : std::array<int64_t, kVerdictCount> {};
Counts& operator+=(Counts& counts, const Counts& more);
/// Sum over all verdicts.
int64_t Total(const Counts& counts);

/// Which contract a batch was judged by.
struct ContractRef {
  std::string version;
  std::string content_hash;
  bool operator==(const ContractRef&) const = default;
};

/// What qc's breaker has counted and decided as of a batch: where its next owner goes on.
struct Breaker {
  enum class Cause : uint8_t {
    kNone,         ///< closed
    kRule,         ///< the record at `next` breaks a rule whose action is `fail`
    kFailureRate,  ///< with it, more records of the window have failed than are allowed
  };
  Offset next = 0;       ///< records before it do not trip the breaker (again)
  int64_t window = 0;    ///< source offsets in a window; 0: the rate has no limit
  int64_t failures = 0;  ///< failed and corrupt records before `next` in the window that holds it
  Cause open = Cause::kNone;  ///< else nothing at or behind `next` is emitted
  std::string rule;           ///< while open: that the record breaks; its reason when it is corrupt

  bool IsOpen() const { return open != Cause::kNone; }
  bool operator==(const Breaker&) const = default;
};
/// Why an open breaker is open, for people: "the breaker is open at offset 7: ...".
std::string Describe(const Breaker& breaker);

/// What the contract's metrics have counted over a range of source offsets, or over a span of event
/// time.
struct Window {
  Range range;                   ///< of event time: from its first record to the one that closed it
  int64_t read = 0;              ///< rows, whatever their verdict
  int64_t rows = 0;              ///< of them, those that have columns: clean, failed, filtered
  std::vector<int64_t> counted;  ///< of these, those that each metric of the contract counts
  int64_t start_us = 0;          ///< of event time: where it begins
  int64_t late = 0;  ///< of event time: rows that came when it was the newest, and are in none,
                     ///< because their own had closed
  bool saturated = false;  ///< more different values were met than are remembered: the duplicates
                           ///< that were counted are too few
  bool operator==(const Window&) const = default;
};

/// The windows of event time that qc is measuring as of a batch.
struct TimeWindows {
  int64_t size_us = 0;   ///< a window begins at a multiple of it since the epoch
  int64_t delay_us = 0;  ///< how far the newest event time is beyond the end of one that closes
  std::string column;    ///< of the event time
  std::optional<int64_t> newest_us;      ///< event time counted so far
  std::optional<int64_t> whole_from_us;  ///< one that begins earlier may have begun before counting
                                         ///< did. None: no record came before
  std::vector<Window> windows;  ///< with a record, ascending; their ranges are empty so far
  bool operator==(const TimeWindows&) const = default;
};
/// That may be open at once: so large a header may become.
inline constexpr int64_t kMaxTimeWindows = 64;

/// What qc is measuring as of a batch: where its next owner counts on.
struct OpenWindow {
  int64_t size = 0;           ///< source offsets in a window, which begins at a multiple of it; 0:
                              ///< windows of event time, or no metrics
  std::string contract_hash;  ///< whose metrics are counted
  Window window;              ///< so far; of event time: the range that was counted, and what came
                              ///< before any event time was known
  std::optional<TimeWindows> time;
  bool operator==(const OpenWindow&) const = default;
};

/// The header of an internal message (`sluice-coverage`, sluice.wire.v1.Coverage on the wire).
struct Coverage {
  std::string pipeline;
  int32_t generation = 1;
  std::string topic;      ///< the source topic,
  std::string topic_id;   ///< its id ("" where the broker does not tell),
  int32_t partition = 0;  ///< and its partition
  Range range;
  Offset origin = 0;  ///< where the pipeline began on this partition; the same in every batch
  Counts counts{};    ///< records in `range` by verdict
  bool lost =
      false;  ///< the whole range is `lost`: there are no rows, counts[kLost] == next - first
  ContractRef contract;
  std::optional<int64_t> watermark_us;  ///< event time below which no more records are expected
  bool idle =
      false;  ///< the partition had nothing new for idle_timeout: it holds no watermark back
  int64_t newest_timestamp_ms =
      -1;  ///< of the newest record in or before the range (end-to-end latency); -1: none yet
  Breaker breaker;
  OpenWindow open_window;
  std::vector<Window> closed_windows;  ///< that end in (range.first, range.next]; none without rows
  std::optional<int64_t> state_from;   ///< offset in the emitter's input from which it reads again
                                       ///< what it has to remember; none: there is nothing

  /// Whether a closed window is one as configured: not begun late, by a start or a new contract.
  bool IsWhole(const Window& closed) const;
  /// Whether what `metric` has measured in a closed window may be judged by its threshold: the
  /// window is whole, and no duplicates were missed in it.
  bool IsJudged(const Window& closed, const contract::Metric& metric) const;
};

/// What a reader that holds `next` does with a batch (law 3).
enum class Acceptance : uint8_t {
  kApply,        ///< first <= next < batch.next: take the rows with `_offset` >= next
  kRepeat,       ///< batch.next <= next: skip
  kPunctuation,  ///< first == batch.next == next: no rows; take over watermark, idle and contract
  kGap,          ///< first > next: apply nothing; read on for a batch that closes it
};
constexpr Acceptance Accept(Offset next, const Range& batch) {
  if (batch.first > next) return Acceptance::kGap;
  if (batch.next > next) return Acceptance::kApply;
  return batch.first == batch.next && batch.next == next ? Acceptance::kPunctuation
                                                         : Acceptance::kRepeat;
}

/// A reader's memory of one partition: where it is, and whether a gap is open. Every acceptance
/// goes through it.
class Reader {
 public:
  explicit Reader(Offset next) : next_(next) {}
  Offset next() const { return next_; }
  /// Judge the next batch in log order and, when it is to be applied, move on.
  Acceptance Offer(const Range& batch);
  /// The range that is missing, when a gap is open: [next, first of the nearest batch beyond).
  std::optional<Range> gap() const;

 private:
  Offset next_;
  std::optional<Offset> beyond_;
};

/// An emitter's memory of one output partition: enforces law 2 (contiguous, at most one
/// unacknowledged batch).
class Emitter {
 public:
  /// `accepted_end`: the end of the last batch in the own output (or origin).
  explicit Emitter(Offset accepted_end) : end_(accepted_end), sent_(accepted_end) {}
  Offset end() const { return end_; }  ///< acknowledged up to here
  Offset sent() const { return sent_; }
  bool in_flight() const { return in_flight_; }
  /// Whether `batch` may be sent now: nothing unacknowledged, and it begins at or before `end`.
  bool MaySend(const Range& batch) const {
    return !in_flight_ && batch.first <= end_ && batch.next >= batch.first;
  }
  void Sent(const Range& batch);
  void Acknowledged();
  /// After repair: emit again from an earlier offset. Only while nothing is in flight.
  void Rewind(Offset to);

 private:
  Offset end_;
  Offset sent_;
  bool in_flight_ = false;
};

}  // namespace sluice::batch
