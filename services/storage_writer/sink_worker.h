#pragma once
// Accepts judged batches and lands them in one sink, in group commits.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stage/batch_input.h"
#include "stage/sink.h"
#include "stage/worker.h"

namespace sluice::storage_writer {

/// When to commit: what is fresh at once, a backlog in large transactions.
struct CommitPolicy {
  int64_t rows = 0;
  int64_t bytes = 0;
  absl::Duration age;
};

/// See stage::Worker for threads and errors.
class SinkWorker : public stage::Worker {
 public:
  SinkWorker(const stage::Context& context, std::unique_ptr<stage::Sink> sink,
             const CommitPolicy& policy, std::shared_ptr<const contract::Contract> contract);

  absl::Status Prepare() override;
  absl::StatusOr<kafka::Offset> Open(int32_t partition, std::optional<int64_t> rewind_to) override;
  void Close(int32_t partition) override;
  void Take(kafka::Message message) override;
  bool Full() const override { return !faults_.empty(); }
  bool Settled() const override { return pending_.empty(); }
  void Tick(absl::Time now, std::vector<stage::Fault>* faults) override;
  absl::Time Deadline() const override;
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  std::map<int32_t, kafka::OffsetAndMetadata> DoneOffsets() const override;
  void Describe(int32_t partition, service::PartitionStatus* status) const override;
  void DescribeAll(absl::Time now, service::PipelineStatus* status) const override;
  absl::Status Ready() override { return sink_->Ping(); }

 private:
  struct Partition {
    bool has_position = false;  // the sink knows where it is; else the first batch says the origin
    batch::Counts verdicts{};   // committed since the process started
    std::optional<int64_t> newest_event_us;  // of what has landed
  };
  /// What the open transaction holds of one partition.
  struct Pending {
    batch::Counts counts{};
    int64_t newest_timestamp_ms = -1;
    std::optional<int64_t> watermark_us;
  };

  bool CommitIsDue(absl::Time now) const;
  void Commit();
  void FailAll(const absl::Status& status);
  void Promise(const contract::Contract& contract);
  void Landed(int32_t partition, std::optional<int64_t> watermark_us);

  const stage::Context& context_;
  std::unique_ptr<stage::Sink> sink_;
  const CommitPolicy policy_;
  const std::shared_ptr<const contract::Contract>
      contract_;  // of our file: for the tables at the start
  stage::BatchInput input_;
  std::map<int32_t, Partition> partitions_;
  std::map<int32_t, Pending> pending_;
  std::optional<absl::Duration> freshness_objective_;  // of the newest contract seen
  absl::Time pending_since_ = absl::InfiniteFuture();
  std::map<int32_t, kafka::Offset> done_;  // input offsets behind the last commit
  std::vector<stage::Fault> faults_;       // for the next Tick to report
};

}  // namespace sluice::storage_writer
