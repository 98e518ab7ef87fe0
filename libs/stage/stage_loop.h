#pragma once
// The loop every stage shares: one thread that joins the group, opens the partitions it is given,
// reads their input, hands it to the worker, and carries out what operators ask for. README.md says
// which of its ideas is in which file.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
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
#include "stage/command_queue.h"
#include "stage/context.h"
#include "stage/input_reader.h"
#include "stage/owned_partition.h"
#include "stage/published_status.h"
#include "stage/watchdog.h"
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

  // stage_control.cc
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

  // stage_status.cc
  service::PipelineStatus GetStatus() override;
  std::string ConfigJson() override;
  bool IsAlive() override;
  absl::Status IsReady() override;

 private:
  // All of these are for the loop's thread.
  void Run();
  void Turn(absl::Time now);
  /// Whether the loop is connected; tries it when it is time to.
  bool Connected(absl::Time now);
  absl::Status Connect();
  void Reassign(const std::vector<int32_t>& partitions);
  void OpenDue(absl::Time now);
  void Open(int32_t number, OwnedPartition& partition);
  void Close(int32_t number, OwnedPartition& partition);
  void CallWorker(absl::Time now);
  void FeedWorker();
  void OnFault(const Fault& fault, absl::Time now);
  void NoteRecoveries();
  /// The process stood still: somebody else may own what was ours.
  void LetGo(absl::Time now);
  /// Partitions of which the client has heard nothing since it was given them.
  void ReopenUnfetched(absl::Time now);
  void Housekeeping(absl::Time now);
  void Finish();
  // stage_control.cc
  absl::Status ForEach(const std::vector<int32_t>& partitions,
                       const std::function<void(int32_t, OwnedPartition&)>& act);
  absl::StatusOr<OwnedPartition*> Find(int32_t partition);
  // stage_status.cc
  void PublishStatus(absl::Time now);
  service::PartitionStatus StatusOf(int32_t number, const OwnedPartition& partition) const;
  absl::Status DependenciesReady();
  std::string_view StateOf(const PartitionTally& tally) const;

  const service::CommonOptions options_;
  const StageDefinition definition_;
  const absl::Time started_at_;
  Context context_;
  kafka::Waker waker_;
  TapHub taps_;
  std::unique_ptr<StageMetrics> metrics_;

  // The loop's thread only.
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::TopicWatch> input_watch_;
  std::unique_ptr<InputReader> input_;  // none before it is connected
  std::unique_ptr<kafka::GroupMember> member_;
  std::unique_ptr<Worker> worker_;  // may hold messages of the input: it goes first
  std::map<int32_t, OwnedPartition> partitions_;
  std::vector<kafka::Message> messages_;  // of this turn, given to the worker
  bool draining_ = false;
  bool joined_ = false;  // the group has said which partitions are ours
  // OK: connected, topics made. Else why not.
  absl::Status connected_ = absl::UnavailableError("starting");
  absl::Time connect_at_ = absl::InfinitePast();
  absl::Time housekeeping_at_ = absl::InfinitePast();
  absl::Time commit_hints_at_ = absl::InfinitePast();
  Backoff connect_backoff_{{absl::Milliseconds(20), absl::Milliseconds(500)}};

  // Shared with other threads.
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  CommandQueue commands_{&waker_};
  Watchdog watchdog_;
  PublishedStatus published_;
  std::mutex mutex_;
  std::condition_variable finished_changed_;
  bool finished_ = false;  // guarded by mutex_
};

}  // namespace sluice::stage
