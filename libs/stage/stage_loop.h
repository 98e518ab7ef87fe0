#pragma once
// The loop every stage shares: one thread that joins the group, opens the partitions it is given,
// reads their input, hands it to the worker, and carries out what operators ask for.
//
//   opening --Open ok--> running --fault, retryable--> blocked --backoff--> opening
//      |                    |------fault, else--------> stopped --resume--> opening
//      |                    |------breaker open-------> tripped --reset---> opening
//      '--Open fails-> blocked, stopped or tripped;  pause: any --> paused --resume--> opening

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/backoff.h"
#include "kafka/consumer.h"
#include "kafka/group_member.h"
#include "kafka/topic_watch.h"
#include "service/pipeline_control.h"
#include "service/service.h"
#include "stage/context.h"
#include "stage/worker.h"

namespace sluice::stage {

/// What a service says about its stage.
struct StageDefinition {
  std::string stage;  ///< name in status and metrics: "validated", "checked", or the sink's
  std::string input_topic;
  std::string group;  ///< consumer group
  kafka::Consumer::Options consumer;
  std::function<absl::StatusOr<std::unique_ptr<Worker>>(const Context&)> make_worker;
};

/// One pipeline in one process. Start and Stop are for the shell; the control interface is for any
/// thread.
class StageLoop : public service::Runnable, public service::PipelineControl {
 public:
  StageLoop(const service::CommonOptions& options, contract::PipelineConfig pipeline,
            StageDefinition definition);
  ~StageLoop() override;

  absl::Status Start() override;
  absl::Status Stop(absl::Duration timeout) override;
  service::PipelineControl* control() override { return this; }
  void Beat() override;
  absl::Status Failure() override;

  service::PipelineStatus GetStatus() override;
  absl::Status Pause(const std::vector<int32_t>& partitions) override;
  absl::Status Resume(const std::vector<int32_t>& partitions) override;
  absl::Status Drain() override;
  absl::StatusOr<service::SeekResult> Seek(int32_t partition, int64_t offset,
                                           bool dry_run) override;
  absl::StatusOr<service::SeekResult> Repair(int32_t partition, int64_t from,
                                             bool dry_run) override;
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<service::BreakerReset> ResetBreaker(
      int32_t partition, const service::BreakerResetRequest& request) override;
  absl::StatusOr<std::unique_ptr<service::TapStream>> Tap(
      const service::TapFilter& filter) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  std::string ConfigJson() override;
  bool IsAlive() override;
  absl::Status IsReady() override;

 private:
  /// A partition this process owns.
  struct Lane {
    bool IsOpen() const { return state == service::PartitionState::kRunning; }
    /// Open again after a fault, and not yet as far as it was then.
    bool IsFailing() const { return IsOpen() && !error.empty(); }

    /// What it had failed at is behind it.
    void Recovered() {
      error.clear();
      failed_at = done_before = 0;
      backoff.Reset();
    }

    service::PartitionState state = service::PartitionState::kOpening;
    absl::Time retry_at = absl::InfinitePast();
    Backoff backoff{{absl::Milliseconds(50), absl::Seconds(2)}};
    std::optional<int64_t> rewind_to;  // for the next Open
    absl::Time opened_at = absl::InfinitePast();
    kafka::Offset read_from = 0;  // input offset the worker asked for; earlier messages are stale
    kafka::Offset read_to = 0;    // input offset after the last message given to the worker
    // Of the faults that it has not recovered from: how far it had come, and the last one's
    // message.
    kafka::Offset failed_at = 0;    // read_to
    kafka::Offset done_before = 0;  // the worker's done offset
    std::string error;
    std::string log;  // id of the log that is read; empty: does not matter
  };

  void Run();
  absl::Status Connect();
  void Turn(absl::Time now);
  void Reassign(const std::vector<int32_t>& partitions);
  void OpenLanes(absl::Time now);
  void OpenLane(int32_t partition, Lane& lane);
  void CloseLane(int32_t partition, Lane& lane);
  void ReadInput();
  bool IsSameLog();
  void OnPartitionError(const kafka::PartitionError& error);
  void OnFault(const Fault& fault, absl::Time now);
  bool StoodStill(absl::Time now);
  void LetGo(absl::Time now);
  void NoteRecoveries();
  /// Partitions of which the client has heard nothing since it was given them.
  void ReopenUnfetched(absl::Time now);
  void Housekeeping(absl::Time now);
  absl::Status Ready();
  void PublishStatus(absl::Time now);
  void Finish();
  absl::Status ForEach(const std::vector<int32_t>& partitions,
                       const std::function<void(int32_t, Lane&)>& act);

  /// Run `act` on the loop's thread and wait for its answer.
  template <typename Answer>
  absl::StatusOr<Answer> Ask(std::function<absl::StatusOr<Answer>()> act);
  absl::Status Do(std::function<absl::Status()> act);
  /// Whether Kafka answers, and the loop turns instead of waiting for it or for PostgreSQL. Any
  /// thread.
  absl::Status Answering() const;

  const service::CommonOptions options_;
  const StageDefinition definition_;
  Context context_;
  kafka::Waker waker_;
  TapHub taps_;
  std::unique_ptr<StageMetrics> metrics_;

  // The loop's thread only.
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::TopicWatch> input_watch_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<kafka::GroupMember> member_;
  std::unique_ptr<Worker> worker_;  // may hold messages of the consumer: it goes first
  std::map<int32_t, Lane> lanes_;
  std::vector<kafka::Message>
      messages_;          // read, and perhaps waiting to be known as of the same log
  uint64_t certain_ = 0;  // the consumer's doubts that have been answered
  bool draining_ = false;
  bool prepared_ = false;  // connected, topics made
  bool joined_ = false;    // the group has said which partitions are ours
  absl::Time connect_at_ = absl::InfinitePast();
  absl::Time housekeeping_at_ = absl::InfinitePast();
  absl::Time commit_hints_at_ = absl::InfinitePast();
  Backoff connect_backoff_{{absl::Milliseconds(20), absl::Milliseconds(500)}};

  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> last_turn_ms_ = 0;
  std::atomic<int64_t> last_beat_ms_ = 0;
  std::atomic<bool> stood_still_ = false;
  std::atomic<int64_t> answered_ms_ = 0;  // when Kafka last answered, as the loop has seen it

  std::mutex mutex_;
  std::condition_variable finished_changed_;
  std::vector<std::function<void()>> commands_;  // guarded by mutex_
  service::PipelineStatus status_;               // guarded by mutex_
  absl::Status ready_;                           // guarded by mutex_
  absl::Status failure_;                         // guarded by mutex_
  bool finished_ = false;                        // guarded by mutex_
  const absl::Time started_at_;
};

}  // namespace sluice::stage
