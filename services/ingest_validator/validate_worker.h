#pragma once
// The only stage that sees raw bytes: source records in, batches of columns out.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "batch/wire.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "stage/batch_output.h"
#include "stage/contract_store.h"
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
    return partitions_.at(partition).header.topic_id;
  }
  void Take(kafka::Message message) override;
  bool Full() const override { return !waiting_.empty(); }
  bool Settled() const override;
  void Tick(absl::Time now, std::vector<stage::Fault>* faults) override;
  absl::Time Deadline() const override;
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  std::map<int32_t, kafka::OffsetAndMetadata> DoneOffsets() const override;
  void Describe(int32_t partition, service::PartitionStatus* status) const override;
  absl::Status Ready() override { return absl::OkStatus(); }

 private:
  /// What judges by one contract. Shared by the partitions where it is in force.
  struct Judge {
    explicit Judge(std::shared_ptr<const contract::Contract> contract,
                   const record::Limits& limits);
    record::RecordParser parser;
    batch::Encoder encoder;
    int event_time_field = -1;  // in the batch's schema
  };
  struct Partition {
    explicit Partition(Judge* judge);
    Judge* judge;
    record::BatchBuilder builder;
    batch::Coverage
        header;  // what all its batches have in common; range.next: end of what was sent
    batch::Offset next = 0;  // source offset after the last record in the builder
    int64_t newest_timestamp_ms = -1;
    std::optional<int64_t> newest_event_us;
    absl::Time last_sent = absl::InfinitePast();
    absl::Time last_record = absl::Now();
    batch::Counts verdicts{};  // acknowledged since the process started
    batch::Counts in_flight{};
  };
  /// Where a partition goes on, found in the own output and the source.
  struct Position {
    batch::Coverage header;
    batch::Offset next = 0;
  };

  absl::StatusOr<Position> FindPosition(int32_t partition);
  absl::StatusOr<Position> Begin(int32_t partition, const stage::BatchOutput::End& end,
                                 const kafka::Watermarks& source);
  absl::StatusOr<Judge*> JudgeFor(const batch::ContractRef& last);
  /// Say, once, what changes from the contract in force to our newer one.
  void CompareWith(const batch::ContractRef& last);
  Judge* MakeJudge(std::shared_ptr<const contract::Contract> contract);
  bool IsFull(const Partition& partition) const;
  /// Its batch was not taken: a fault is on its way, and what comes until then is read again.
  bool HasFailed(int32_t number) const { return output_.emitter(number) == nullptr; }
  void Add(Partition& partition, const kafka::Message& message);
  void TakeWaiting();
  void UseOwnContract(Partition& partition);
  void Emit(int32_t number, Partition& partition, absl::Time now);
  absl::Status Send(int32_t number, Partition& partition, absl::Time now);
  void EmitDue(absl::Time now);
  void AdvanceWatermark(Partition& partition, const arrow::RecordBatch& rows);

  const stage::Context& context_;
  const record::Limits limits_;
  std::shared_ptr<const contract::Contract>
      own_contract_;  // of our file; the log may be ahead of it
  stage::ContractStore contracts_;
  stage::BatchOutput output_;
  std::map<std::string, std::unique_ptr<Judge>> judges_;  // by content hash
  std::set<std::string> compared_;  // content hashes that ours was compared with
  std::map<int32_t, Partition> partitions_;
  std::vector<kafka::Message>
      waiting_;  // behind a batch that cannot be sent yet; bounded by what one poll gives
  std::map<int32_t, batch::Offset> refused_repairs_;  // asked for, but the source no longer has it
  absl::Time emit_at_ = absl::InfiniteFuture();       // one timer for all partitions
  bool emit_waits_for_ack_ = false;  // what is due stands behind an unacknowledged batch
  absl::Time punctuate_at_ = absl::InfinitePast();
  std::vector<stage::Fault> faults_;  // for the next Tick to report
};

}  // namespace sluice::ingest_validator
