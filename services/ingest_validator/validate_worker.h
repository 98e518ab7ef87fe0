#pragma once
// The only stage that sees raw bytes: source records in, batches of columns out. README.md says
// which of its ideas is in which file.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ingest_validator/contracts_in_force.h"
#include "ingest_validator/emit_timer.h"
#include "ingest_validator/open_batch.h"
#include "ingest_validator/position.h"
#include "stage/batch_output.h"
#include "stage/worker.h"

namespace sluice::ingest_validator {

/// See stage::Worker for threads and errors.
class ValidateWorker : public stage::Worker {
 public:
  ValidateWorker(const stage::Context& context, std::shared_ptr<const contract::Contract> contract);

  absl::Status Prepare() override;
  absl::StatusOr<kafka::Offset> Open(int32_t partition, std::optional<int64_t> rewind_to) override;
  void Close(int32_t partition) override;
  std::string InputLog(int32_t partition) const override {
    return partitions_.at(partition).batch.header().topic_id;
  }
  void Take(kafka::Message message) override;
  bool Full() const override { return !waiting_.empty(); }
  bool Settled() const override;
  void Tick(absl::Time now, std::vector<stage::Fault>* faults) override;
  absl::Time Deadline() const override { return timer_.Deadline(); }
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  std::map<int32_t, kafka::OffsetAndMetadata> DoneOffsets() const override;
  void Describe(int32_t partition, service::PartitionStatus* status) const override;
  absl::Status Ready() override { return absl::OkStatus(); }

 private:
  struct Partition {
    OpenBatch batch;
    absl::Time last_sent = absl::InfinitePast();
    batch::Counts verdicts{};  // acknowledged since the process started
    batch::Counts in_flight{};
  };

  absl::StatusOr<Position> ReadPosition(int32_t partition);
  absl::StatusOr<kafka::Watermarks> SourceLimits(int32_t partition);
  absl::Status CheckRewind(int32_t partition, batch::Offset to);
  /// Its batch was not taken: a fault is on its way, and what comes until then is read again.
  bool HasFailed(int32_t number) const { return output_.emitter(number) == nullptr; }
  void Add(Partition& partition, const kafka::Message& message);
  void TakeWaiting();
  void UseNewerContract(Partition& partition);
  void Emit(int32_t number, Partition& partition, absl::Time now);
  absl::Status Send(int32_t number, Partition& partition, absl::Time now);
  void EmitDue(absl::Time now);

  const stage::Context& context_;
  ContractsInForce contracts_;
  stage::BatchOutput output_;
  std::map<int32_t, Partition> partitions_;
  EmitTimer timer_;
  std::vector<kafka::Message>
      waiting_;  // behind a batch that cannot be sent yet; bounded by what one poll gives
  std::map<int32_t, batch::Offset> refused_repairs_;  // asked for, but the source no longer has it
  std::vector<stage::Fault> faults_;                  // for the next Tick to report
};

}  // namespace sluice::ingest_validator
