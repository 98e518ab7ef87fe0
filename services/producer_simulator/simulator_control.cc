// The operators' side of the simulator: called by any thread.

#include <cmath>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/json_text.h"
#include "producer_simulator/simulator.h"

namespace sluice::producer_simulator {
namespace {

constexpr double kMaxRate = 10e6;
constexpr int64_t kMaxBurst = 10'000'000;
constexpr absl::Duration kSilence = absl::Seconds(60);  // of a loop that no longer turns

absl::Status OnlyAsAWhole(const std::vector<int32_t>& partitions) {
  if (partitions.empty()) return absl::OkStatus();
  return absl::UnimplementedError(
      "the simulator is paused and resumed as a whole: leave out the partitions");
}

absl::Status NotHere() {
  return absl::UnimplementedError("the simulator produces: it has no input position");
}

}  // namespace

service::PipelineStatus Simulator::GetStatus() {
  const SimulatorStatus now = Status();
  service::PipelineStatus status;
  status.pipeline = pipeline_.name;
  status.generation = pipeline_.generation;
  status.stage = "simulator";
  status.instance_id = common_.instance_id;
  status.state = now.state == "reading_back" ? "starting" : now.state;
  status.error = now.error;
  status.uptime_ms = absl::ToInt64Milliseconds(absl::Now() - created_);
  for (const auto& [number, end] : now.ends) {
    service::PartitionStatus& partition = status.partitions.emplace_back();
    partition.partition = number;
    partition.next = end;
    partition.state = now.state == "blocked"  ? service::PartitionState::kBlocked
                      : now.state == "paused" ? service::PartitionState::kPaused
                      : now.state == "failed" ? service::PartitionState::kStopped
                                              : service::PartitionState::kRunning;
    partition.error = now.error;
  }
  return status;
}

absl::Status Simulator::Pause(const std::vector<int32_t>& partitions) {
  SLUICE_RETURN_IF_ERROR(OnlyAsAWhole(partitions));
  generating_ = false;
  waker_.Signal();
  return absl::OkStatus();
}

absl::Status Simulator::Resume(const std::vector<int32_t>& partitions) {
  SLUICE_RETURN_IF_ERROR(OnlyAsAWhole(partitions));
  draining_ = false;
  generating_ = true;
  waker_.Signal();
  return absl::OkStatus();
}

absl::Status Simulator::Drain() {
  draining_ = true;
  waker_.Signal();
  return absl::OkStatus();
}

absl::StatusOr<service::SeekResult> Simulator::Seek(int32_t, int64_t, bool) { return NotHere(); }
absl::StatusOr<service::SeekResult> Simulator::Repair(int32_t, int64_t, bool) { return NotHere(); }
absl::StatusOr<service::SeekResult> Simulator::AcceptLoss(int32_t, bool) { return NotHere(); }
absl::StatusOr<std::unique_ptr<service::TapStream>> Simulator::Tap(const service::TapFilter&) {
  return absl::UnimplementedError("the simulator has no verdicts to show: tap the validator");
}
absl::StatusOr<service::ReloadResult> Simulator::ReloadContract() {
  return absl::UnimplementedError("the simulator does not read the contract");
}

std::string Simulator::ConfigJson() {
  std::string json = "{\"pipeline\":";
  const auto text = [&json](std::string_view key, std::string_view value) {
    Append(&json, ",\"", key, "\":");
    AppendJsonString(value, &json);
  };
  AppendJsonString(pipeline_.name, &json);
  text("topic", pipeline_.source_topic);
  text("bootstrap_servers", common_.bootstrap_servers);
  text("data_dir", folder_);
  text("input", options_.input);
  Append(&json, ",\"seed\":", options_.seed, ",\"records\":", options_.records,
         ",\"rate\":", options_.rate, ",\"spool_max_bytes\":", options_.spool_max_bytes,
         ",\"exit_when_done\":", options_.exit_when_done ? "true" : "false", "}");
  return json;
}

bool Simulator::IsAlive() {
  return absl::Now() - absl::FromUnixNanos(heartbeat_ns_) < kSilence || done_;
}

absl::Status Simulator::IsReady() {
  const SimulatorStatus now = Status();
  if (now.state == "starting" || now.state == "reading_back" || now.state == "blocked" ||
      now.state == "failed") {
    return absl::UnavailableError(
        AbslView(Concat(now.state, now.error.empty() ? "" : ": ", now.error)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Simulator::Publish(std::vector<OutsideRecord> records) {
  if (!started_ || stopping_) return absl::UnavailableError("starting or stopping; retry later");
  absl::StatusOr<std::vector<std::string>> ids = publisher_->Publish(std::move(records));
  if (ids.ok()) waker_.Signal();
  return ids;
}

absl::Status Simulator::SetGenerating(bool generating) {
  if (generating && !has_main()) {
    return absl::FailedPreconditionError(
        Concat("the pipeline ", pipeline_.name,
               " has neither a simulator.yaml nor an --input: only Publish works"));
  }
  return generating ? Resume({}) : Pause({});
}

absl::Status Simulator::SetRate(double rate) {
  if (!(rate >= 0 && rate <= kMaxRate)) {
    return absl::InvalidArgumentError("a rate is 0 (no limit) to 10 million records per second");
  }
  return Command([this, rate] {
    pacer_.SetRate(rate, absl::Now());
    return absl::OkStatus();
  });
}

absl::Status Simulator::Burst(int64_t records) {
  if (records < 1 || records > kMaxBurst)
    return absl::InvalidArgumentError("a burst has 1 to 10 million records");
  if (!has_main()) return SetGenerating(true);
  return Command([this, records] {
    pacer_.AddBurst(records);
    return absl::OkStatus();
  });
}

absl::StatusOr<FaultChange> Simulator::SetFaults(const std::map<std::string, double>& shares,
                                                 bool replace) {
  if (!profile_.has_value()) {
    return absl::FailedPreconditionError(
        "only generated records have faults: this pipeline has no profile in use");
  }
  std::map<Fault, uint32_t> changes;
  for (const auto& [label, share] : shares) {
    const std::optional<Fault> fault = ParseFault(label);
    if (!fault.has_value()) return absl::InvalidArgumentError(Concat("there is no fault ", label));
    SLUICE_ASSIGN_OR_RETURN(changes[*fault], ToPpm(share));
  }
  // Shared with a command that may run after the caller has given up.
  auto change = std::make_shared<FaultChange>();
  SLUICE_RETURN_IF_ERROR(Command([this, changes, replace, change] {
    if (delivery_ == nullptr) return absl::UnavailableError("Kafka does not answer; retry later");
    FaultMix mix;
    if (!replace && !checkpoint_.faults.empty()) mix = checkpoint_.faults.rbegin()->second;
    // Shrink first, so that the sum is not passed on the way.
    for (const auto& [fault, ppm] : changes) mix.Set(fault, 0).IgnoreError();
    for (const auto& [fault, ppm] : changes) SLUICE_RETURN_IF_ERROR(mix.Set(fault, ppm));
    change->from = delivery_->main_fixed_until();
    SLUICE_RETURN_IF_ERROR(AdoptFaults(mix, change->from));
    profile_->faults = mix;
    change->mix = checkpoint_.faults.rbegin()->second;
    return absl::OkStatus();
  }));
  return *change;
}

SimulatorStatus Simulator::Status() {
  std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace sluice::producer_simulator
