#pragma once
// Judges valid records by the contract's rules: batches in, the same rows with verdicts and broken
// rules out.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "batch/wire.h"
#include "qc/breaker.h"
#include "rules/metric_counter.h"
#include "rules/metric_windows.h"
#include "rules/rule_evaluator.h"
#include "stage/batch_input.h"
#include "stage/batch_output.h"
#include "stage/worker.h"

namespace sluice::qc {

/// See stage::Worker for threads and errors.
class QcWorker : public stage::Worker {
 public:
  explicit QcWorker(const stage::Context& context);

  absl::Status Prepare() override;
  absl::StatusOr<kafka::Offset> Open(int32_t partition, std::optional<int64_t> rewind_to) override;
  void Close(int32_t partition) override;
  void Take(kafka::Message message) override;
  bool Full() const override { return waiting_bytes_ >= kMaxWaitingBytes; }
  bool Settled() const override { return waiting_bytes_ == 0 && output_.idle(); }
  void Tick(absl::Time now, std::vector<stage::Fault>* faults) override;
  absl::Time Deadline() const override { return punctuate_at_; }
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  absl::StatusOr<service::BreakerReset> ResetBreaker(
      int32_t partition, const service::BreakerResetRequest& request) override;
  std::map<int32_t, kafka::OffsetAndMetadata> DoneOffsets() const override;
  void Describe(int32_t partition, service::PartitionStatus* status) const override;
  absl::Status Ready() override { return absl::OkStatus(); }

 private:
  // Bound of judged batches that wait for an acknowledgement, all partitions together.
  static constexpr int64_t kMaxWaitingBytes = 16 << 20;

  /// What judges by one contract.
  struct Judge {
    explicit Judge(std::shared_ptr<const contract::Contract> contract);
    rules::RuleEvaluator evaluator;
    rules::Outcome outcome;  // reused from batch to batch
    rules::MetricCounter counter;
    batch::Encoder encoder;
  };
  /// A judged batch, ready to be sent.
  struct Outgoing {
    batch::Coverage coverage;
    std::shared_ptr<const contract::Contract> contract;
    std::shared_ptr<arrow::Buffer> value;
    kafka::Offset done = 0;  // input offset behind the batch it was made of
  };
  /// What was judged before is read again, because the open windows have to remember its values.
  struct Recall {
    rules::OpenWindows counted;  // so far
    batch::Offset until = 0;     // where judging goes on
  };
  struct Partition {
    std::deque<Outgoing> waiting;  // the first may be in flight
    bool sent_first = false;
    bool failed = false;     // a fault is on its way: nothing more until it is opened again
    batch::Breaker breaker;  // open: it is stopped once what lies before the record is acknowledged
    rules::OpenWindows windows;           // as of what was judged last
    std::optional<Recall> recall;         // nothing is judged until it has ended
    std::optional<batch::Coverage> last;  // of what was judged last: what punctuation repeats
    kafka::Offset done = 0;
    absl::Time last_sent = absl::InfinitePast();
    batch::Counts verdicts{};  // acknowledged since the process started
  };

  absl::StatusOr<kafka::Offset> OpenInput(int32_t number, Partition& partition,
                                          std::optional<batch::Offset> next,
                                          std::optional<kafka::Offset> hint);
  absl::Status Remember(int32_t number, Partition& partition, const stage::InputBatch& input);
  absl::StatusOr<Outgoing> Evaluate(stage::InputBatch input, Partition& partition);
  absl::StatusOr<std::shared_ptr<arrow::Buffer>> Punctuation(const batch::Coverage& coverage);
  Judge& JudgeFor(const std::shared_ptr<const contract::Contract>& contract);
  void SendNext(int32_t number, Partition& partition);
  void Fail(int32_t number, Partition& partition, const absl::Status& status);
  void Trip(int32_t number, Partition& partition);
  void Measured(int32_t number, const batch::Coverage& coverage, const contract::Contract& contract,
                const batch::Window& closed);
  void Punctuate(absl::Time now);

  const stage::Context& context_;
  const Breaker breaker_;
  const rules::MetricWindows windows_;
  stage::BatchInput input_;
  stage::BatchOutput output_;
  std::map<std::string, std::unique_ptr<Judge>> judges_;  // by content hash
  std::map<int32_t, Partition> partitions_;
  int64_t waiting_bytes_ = 0;
  absl::Time punctuate_at_ = absl::InfinitePast();
  std::vector<stage::Fault> faults_;  // for the next Tick to report
};

}  // namespace sluice::qc
