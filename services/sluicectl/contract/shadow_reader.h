#pragma once
// Feeds a sample::Shadow with the records of a partition, each beside the contract in force at it:
// the batches of `validated` say which contract that is, and for which source offsets. So records
// are read from the source as soon as the validator has accounted for them, and not before.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "batch/coverage.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "sample/shadow.h"
#include "sluicectl/records/log_reader.h"
#include "stage/contract_store.h"

namespace sluice::sluicectl {

/// One partition, one thread; it only reads, and belongs to no consumer group.
class ShadowReader {
 public:
  /// What all partitions share; all of it outlives the readers.
  struct Shared {
    kafka::Admin* admin;
    const contract::PipelineConfig* pipeline;
    stage::ContractStore* contracts;
    sample::Shadow* shadow;
    size_t chunk_bytes;           ///< see LogReader; each reader has two
    int64_t limit;                ///< of records, all partitions together
    std::function<bool()> ended;  ///< whether to end now; asked before each record
    int64_t records = 0;          ///< fed so far
    bool Ended() { return records >= limit || ended(); }
  };

  /// The records that the validator accounts for from now on. kNotFound: there is no pipeline.
  static absl::StatusOr<ShadowReader> FromNow(Shared* shared, int32_t partition);
  /// Those of `[from, to)` that are still in the source and already accounted for.
  static absl::StatusOr<ShadowReader> OfRange(Shared* shared, int32_t partition, int64_t from,
                                              int64_t to);

  /// Feed what can be fed now.
  absl::Status CatchUp();

  int32_t partition() const { return partition_; }
  /// Judged so far; nothing: no batch has been met.
  std::optional<batch::Range> range() const { return range_; }
  int64_t records() const { return records_; }
  /// Source offsets that no batch accounts for, although later ones are accounted for: the batch
  /// has expired or was lost, so which contract was in force cannot be told.
  std::optional<batch::Range> gap() const { return reader_ ? reader_->gap() : std::nullopt; }

 private:
  ShadowReader(Shared* shared, int32_t partition, kafka::Offset batches_from);

  kafka::TopicPartition Validated() const;
  bool Done() const { return reader_ && reader_->next() >= to_; }
  /// Read `validated` from its begin again, once for each gap: the batch that closes it may lie
  /// before others.
  absl::StatusOr<bool> ReadAgain();
  absl::Status Judge(const batch::Range& range, const batch::Coverage& coverage);

  Shared* shared_;
  int32_t partition_;
  LogReader batches_;
  std::optional<LogReader> source_;
  std::optional<batch::Reader> reader_;
  int64_t to_;
  std::optional<batch::Offset> read_again_for_;
  std::optional<batch::Range> range_;
  int64_t records_ = 0;
};

/// One past the last source offset that `validated` accounts for; kNotFound: for none.
absl::StatusOr<int64_t> AccountedEnd(kafka::Admin& admin, const contract::PipelineConfig& pipeline,
                                     int32_t partition);

}  // namespace sluice::sluicectl
