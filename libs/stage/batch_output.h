#pragma once
// A stage's own output topic: reads where it ends, and appends to it one batch at a time (law 2).

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "kafka/admin.h"
#include "kafka/producer.h"
#include "stage/context.h"
#include "stage/worker.h"

namespace sluice::stage {

/// Owned by a worker; one thread.
class BatchOutput {
 public:
  /// What a partition of the own output says: its last batch and the limits of its log. When all
  /// batches have expired, `last` is what the consumer group remembers (Note), if it does.
  struct End {
    std::optional<batch::Coverage> last;
    kafka::Watermarks log;
  };
  struct Acknowledged {
    int32_t partition = 0;
    batch::Range range;
    absl::Duration latency;  ///< from Send to the acknowledgement
  };

  /// `context` must outlive the output. `input_topic`: where the group's offsets are of.
  BatchOutput(const Context& context, std::string topic, std::string input_topic);

  const std::string& topic() const { return topic_; }
  absl::StatusOr<End> ReadEnd(int32_t partition);
  /// The first batch of this pipeline that is still in the log.
  absl::StatusOr<std::optional<batch::Coverage>> ReadFirst(int32_t partition);

  /// Go on after source offset `end`. `last`: what ReadEnd found.
  void Open(int32_t partition, batch::Offset end, std::optional<batch::Coverage> last);
  void Close(int32_t partition);
  /// nullptr when the partition is not open.
  batch::Emitter* emitter(int32_t partition);
  const batch::Emitter* emitter(int32_t partition) const;
  bool idle() const;  ///< nothing is unacknowledged
  /// The position for the metadata of a group offset: punctuation at the end of what is
  /// acknowledged. Empty when there is nothing to remember.
  std::string Note(int32_t partition) const;

  /// Append a batch. `coverage.partition` must be open and its emitter must allow the range. An
  /// error leaves it unsent; kUnavailable may be tried again.
  absl::Status Send(const batch::Coverage& coverage, std::shared_ptr<arrow::Buffer> value);
  /// Collect acknowledgements. A failed or timed-out send ends this producer: every partition with
  /// an unacknowledged batch gets a fault, and must be opened again from its own end.
  void Poll(std::vector<Acknowledged>* acknowledged, std::vector<Fault>* faults);

  /// Send and wait for the acknowledgement: for the rare batches that must be in the log before
  /// anything else happens.
  absl::Status SendAndWait(const batch::Coverage& coverage, std::shared_ptr<arrow::Buffer> value);

 private:
  struct Partition {
    batch::Emitter emitter;
    std::optional<batch::Coverage> acknowledged;  // the last one
    uint64_t token = 0;                           // of the batch in flight
    batch::Coverage in_flight;
    int64_t bytes = 0;  // of its value
    absl::Time sent_at;
  };
  absl::StatusOr<std::optional<batch::Coverage>> ReadNote(int32_t partition);
  absl::Status EnsureProducer();

  const Context& context_;
  const std::string topic_, input_topic_;
  std::unique_ptr<kafka::Producer> producer_;
  std::map<int32_t, Partition> partitions_;
  uint64_t last_token_ = 0;
};

}  // namespace sluice::stage
