#pragma once
// Where accepted batches land. A sink keeps the position with the data: rows and `next` change in
// one transaction, so that a crash at any instant loses and doubles nothing. New sinks (a lake, a
// topic) implement this and are listed in services/storage_writer/sinks.cc.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"

namespace sluice::stage {

/// A position in a sink: the truth of law 5.
struct SinkPosition {
  batch::Offset next = 0;       ///< source offset to go on with
  std::string topic_id;         ///< of the source topic when it was written; "" unknown
  std::optional<int64_t> hint;  ///< internal offset of a batch at or before the one reaching past
                                ///< `next`; may be missing
};

/// One accepted batch: the rows that count, already trimmed.
struct AcceptedBatch {
  batch::Coverage coverage;  ///< its range begins at the sink's `next`: counts are those of `rows`
  std::shared_ptr<arrow::RecordBatch>
      rows;  ///< batch::BatchSchema(*contract); may have 0 rows (lost, or all trimmed)
  std::shared_ptr<const contract::Contract> contract;
  int64_t internal_offset = 0;          ///< where it lies in the internal topic
  bool duplicate_rows_trimmed = false;  ///< whether trimming removed rows (a repeat overlapped)
};

/// What one commit did, per partition.
struct CommitReceipt {
  int64_t rows = 0;                       ///< rows written to tables of the pipeline
  int64_t rejected = 0;                   ///< rows the sink refused and dead-lettered
  std::map<int32_t, batch::Offset> next;  ///< per source partition
  absl::Duration duration;
};

/// One sink of one pipeline. Owned and called by one thread. Between TakeOver and Release a
/// partition is "held".
///
/// Errors of every method:
///   kUnavailable         the sink does not answer now (nothing was decided, or the outcome is
///   unknown): the stage drops what
///                        it has appended since the last commit, and takes all partitions over
///                        again later
///   kAborted             a partition has another owner (fenced): payload-free; the stage takes
///   over or lets go kFailedPrecondition  an operator has to act (permission, schema, another
///   claimant): the stage stops, by name kDataLoss            the stored position belongs to
///   another log
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::string_view name() const = 0;

  /// Create what must exist (tables, registration of the target). Idempotent; safe beside other
  /// instances.
  virtual absl::Status Prepare(const contract::Contract& contract) = 0;

  /// Become the owner of a partition: fences every earlier owner, waits (bounded) for a commit of
  /// theirs under way, and returns the position; nullopt when the sink has none yet. The first
  /// Append fixes `origin` then.
  virtual absl::StatusOr<std::optional<SinkPosition>> TakeOver(const std::string& topic,
                                                               int32_t partition) = 0;
  /// No longer the owner; what was appended for it and not committed has been committed or
  /// abandoned before.
  virtual void Release(int32_t partition) = 0;

  /// Add a batch to the open transaction (begins one if none). May write ahead, must not make
  /// anything visible. The sink keeps what it needs of `batch` until Commit or Abandon.
  virtual absl::Status Append(AcceptedBatch batch) = 0;
  /// Make all appended batches visible together with their positions, or nothing. kUnavailable with
  /// an unknown outcome is possible: the stage then takes over again and reads the position.
  virtual absl::StatusOr<CommitReceipt> Commit() = 0;
  /// Drop what was appended since the last commit.
  virtual void Abandon() = 0;

  /// Rows and bytes appended since the last commit.
  virtual int64_t pending_rows() const = 0;
  virtual int64_t pending_bytes() const = 0;
  /// Whether the sink answers now (readiness); cheap, at most one round trip.
  virtual absl::Status Ping() = 0;
};

}  // namespace sluice::stage
