#pragma once
// One pipeline's simulator: a thread that delivers, and the operators' side of it.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/pipeline.h"
#include "kafka/types.h"
#include "kafka/waker.h"
#include "metrics/metrics.h"
#include "producer_simulator/delivery.h"
#include "producer_simulator/fault.h"
#include "producer_simulator/profile.h"
#include "producer_simulator/publisher.h"
#include "service/service.h"

namespace sluice::producer_simulator {

/// The flags of this service.
struct SimulatorOptions {
  std::string input;      ///< NDJSON file to replay; empty: generate by the profile
  std::string input_key;  ///< member that is the key of a replayed record; empty: none
  int64_t records = 0;    ///< of the data directory, over all restarts; 0: no end
  double rate = 0;        ///< records per second; 0: as fast as possible
  uint64_t seed = 42;
  int32_t partitions = 4;      ///< of a topic that does not exist yet
  std::string spread = "key";  ///< "key", or "even": to all partitions in turn
  std::string truth;           ///< default: truth.ndjson in the data directory
  std::string data_dir = "sluice-simulator";
  bool exit_when_done = false;
  bool stopped = false;             ///< wait for Start
  std::vector<std::string> faults;  ///< label=share, over the profile's
  int64_t spool_max_bytes = int64_t{1} << 30;
};

/// What GetSimulatorStatus tells. A snapshot, at most about a second old.
struct SimulatorStatus {
  std::string topic;
  std::string state = "starting";
  std::string error;
  std::string run_id;
  uint64_t seed = 0;
  int64_t delivered = 0;
  int64_t delivered_published = 0;
  int64_t spool_records = 0;
  int64_t spool_bytes = 0;
  int64_t rejected = 0;
  int64_t in_flight = 0;
  int64_t recoveries = 0;
  double rate = 0;
  int64_t target = 0;
  FaultMix faults;
  std::map<std::string, int64_t> delivered_faults;
  std::map<int32_t, int64_t> ends;  ///< per partition, as far as known
};

struct FaultChange {
  FaultMix mix;
  int64_t from = 0;  ///< the first generated record that it applies to
};

/// Public functions may be called by any thread, Start and Stop by the shell's.
class Simulator : public service::Runnable, public service::PipelineControl {
 public:
  /// kInvalidArgument: all problems of flags and profile, one a line.
  static absl::StatusOr<std::unique_ptr<Simulator>> Create(
      const service::CommonOptions& common, const SimulatorOptions& options,
      const contract::PipelineConfig& pipeline);
  ~Simulator() override;

  // service::Runnable
  absl::Status Start() override;
  absl::Status Stop(absl::Duration timeout) override;
  service::PipelineControl* control() override { return this; }
  absl::Status Failure() override;
  bool Done() override { return done_; }

  // service::PipelineControl
  service::PipelineStatus GetStatus() override;
  absl::Status Pause(const std::vector<int32_t>& partitions) override;
  absl::Status Resume(const std::vector<int32_t>& partitions) override;
  absl::Status Drain() override;
  absl::StatusOr<service::SeekResult> Seek(int32_t partition, int64_t offset,
                                           bool dry_run) override;
  absl::StatusOr<service::SeekResult> Repair(int32_t partition, int64_t from,
                                             bool dry_run) override;
  absl::StatusOr<service::SeekResult> AcceptLoss(int32_t partition, bool dry_run) override;
  absl::StatusOr<std::unique_ptr<service::TapStream>> Tap(
      const service::TapFilter& filter) override;
  absl::StatusOr<service::ReloadResult> ReloadContract() override;
  std::string ConfigJson() override;
  bool IsAlive() override;
  absl::Status IsReady() override;

  // SimulatorService
  const std::string& pipeline_name() const { return pipeline_.name; }
  absl::StatusOr<std::vector<std::string>> Publish(std::vector<OutsideRecord> records);
  absl::Status SetGenerating(bool generating);
  absl::Status SetRate(double rate);
  absl::StatusOr<FaultChange> SetFaults(const std::map<std::string, double>& shares, bool replace);
  absl::Status Burst(int64_t records);
  SimulatorStatus Status();

 private:
  Simulator(const service::CommonOptions& common, SimulatorOptions options,
            contract::PipelineConfig pipeline);

  absl::Status LoadSources();
  absl::Status PrepareFolder();
  bool has_main() const { return main_ != nullptr; }

  // The delivering thread.
  void Run();
  absl::Status RunDelivery();
  absl::Status PrepareTopic();
  absl::Status PrepareCheckpoint();
  absl::Status AdoptFaults(const FaultMix& wanted, int64_t from);
  absl::Status StepLoop();
  void RunCommands();
  void UpdateStatus(const std::string& state, const std::string& error);
  void OnDone(const DeliveryWindow::Chunk& chunk);
  bool generating_now() const { return generating_ && !draining_ && !stopping_; }
  /// Run `command` on the delivering thread; kDeadlineExceeded after about a second.
  absl::Status Command(std::function<absl::Status()> command);

  const service::CommonOptions common_;
  const SimulatorOptions options_;
  const contract::PipelineConfig pipeline_;
  const std::string folder_;
  const absl::Time created_;

  // Set before Start.
  int lock_fd_ = -1;
  std::optional<Profile> profile_;
  std::string origin_;
  std::unique_ptr<RecordSource> main_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<RecordSource> published_;
  std::unique_ptr<Publisher> publisher_;

  // Used by the delivering thread.
  kafka::Waker waker_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<Topic> topic_;
  std::unique_ptr<EventLog> successes_;
  std::unique_ptr<EventLog> failures_;
  Checkpoint checkpoint_;
  std::unique_ptr<Delivery> delivery_;
  Pacer pacer_;
  int32_t topic_partitions_ = 0;
  bool timestamps_kept_ = true;    ///< the topic keeps the producer's timestamps
  int64_t max_message_bytes_ = 0;  ///< that the topic takes

  std::thread thread_;
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> stop_by_ns_{
      INT64_MAX};  ///< since 1970: when to stop waiting for what is in flight
  std::atomic<bool> generating_{true};
  std::atomic<bool> draining_{false};
  std::atomic<bool> done_{false};
  std::atomic<int64_t> heartbeat_ns_{0};

  std::mutex mutex_;
  std::deque<std::function<void()>> commands_;  // at most kMaxCommands
  SimulatorStatus status_;
  absl::Status failure_;
  int64_t recoveries_ = 0;

  std::map<Fault, metrics::Counter> simulated_;
  std::map<int32_t, metrics::Counter> delivered_;
  metrics::Counter delivery_failures_;
  metrics::Gauge spool_records_;
  metrics::Gauge spool_bytes_;
};

}  // namespace sluice::producer_simulator
