#pragma once
// Reads batches by the accept rule (law 3): repeats are skipped, overlaps trimmed, gaps never
// stepped over.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "batch/wire.h"
#include "contract/contract.h"
#include "kafka/consumer.h"
#include "service/pipeline_control.h"
#include "stage/context.h"
#include "stage/contract_store.h"

namespace sluice::stage {

/// A batch that counts, or punctuation (an empty range).
struct InputBatch {
  batch::Coverage coverage;                  ///< trimmed to what is new
  std::shared_ptr<arrow::RecordBatch> rows;  ///< starts at array offset 0
  std::shared_ptr<const contract::Contract> contract;
  kafka::Offset internal_offset = 0;
  bool trimmed = false;
};

/// Owned by a worker; one thread.
class BatchInput {
 public:
  /// `context` must outlive the input.
  BatchInput(const Context& context, std::string topic);

  const std::string& topic() const { return topic_; }

  /// Read `partition` for a reader who holds `next`; nullopt: nobody has read it yet, so the first
  /// batch's origin counts. `topic_id`: of the source topic as last seen ("" unknown). Returns the
  /// input offset to read from: `hint` where the log still has it, else the log's begin.
  absl::StatusOr<kafka::Offset> Open(int32_t partition, std::optional<batch::Offset> next,
                                     const std::string& topic_id,
                                     std::optional<kafka::Offset> hint);
  void Close(int32_t partition);

  /// Judge one message. nullopt: nothing to do (a repeat, nobody's message, a gap). Errors:
  /// kUnavailable (the contract cannot be had now), kDataLoss (the batch is of another log).
  absl::StatusOr<std::optional<InputBatch>> Offer(kafka::Message message);

  /// The contract of that content hash. kUnavailable when it cannot be had now.
  absl::StatusOr<std::shared_ptr<const contract::Contract>> FindContract(
      const std::string& content_hash) {
    return contracts_.Find(content_hash);
  }

  /// Source offset up to which batches were accepted; nullopt: none yet.
  std::optional<batch::Offset> next(int32_t partition) const;
  /// Input offset after the last message judged.
  std::map<int32_t, kafka::Offset> DoneOffsets() const;
  void Describe(int32_t partition, service::PartitionStatus* status) const;

 private:
  struct Partition {
    std::optional<batch::Reader> reader;  // empty until the origin is known
    std::string topic_id;
    kafka::Offset done = 0;  // input offset after the last message judged
    bool reread = false;     // the log was read again from its begin for the open gap
    int64_t repeated = 0;
    std::optional<batch::Coverage> last;
  };
  absl::StatusOr<batch::Decoder*> DecoderFor(const std::string& content_hash);
  absl::Status CheckSameLog(Partition& partition, const batch::Coverage& coverage);
  void OnGap(int32_t number, Partition& partition, const batch::Coverage& coverage);
  void OnRepeat(int32_t number, Partition& partition, const batch::Coverage& coverage);

  const Context& context_;
  const std::string topic_;
  ContractStore contracts_;
  std::map<std::string, std::unique_ptr<batch::Decoder>> decoders_;  // by content hash
  std::map<int32_t, Partition> partitions_;
};

}  // namespace sluice::stage
