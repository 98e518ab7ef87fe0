#include "producer_simulator/simulator.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/backoff.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "kafka/admin.h"
#include "producer_simulator/hash.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {
namespace {

using metrics::CounterId;
using metrics::GaugeId;

constexpr absl::Duration kRequestTimeout = absl::Seconds(5);
constexpr absl::Duration kCommandTimeout = absl::Seconds(1);
constexpr absl::Duration kStatusInterval = absl::Milliseconds(200);
constexpr size_t kMaxCommands = 100;
// What Kafka adds to a record, with room to spare.
constexpr int64_t kRecordOverhead = 1024;

kafka::ClientConfig KafkaConfig(const service::CommonOptions& common) {
  kafka::ClientConfig config;
  config.bootstrap_servers = common.bootstrap_servers;
  config.client_id = common.instance_id;
  config.properties = common.kafka_properties;
  return config;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Simulator>> Simulator::Create(
    const service::CommonOptions& common, const SimulatorOptions& options,
    const contract::PipelineConfig& pipeline) {
  std::unique_ptr<Simulator> simulator(new Simulator(common, options, pipeline));
  SLUICE_RETURN_IF_ERROR(simulator->LoadSources());
  return simulator;
}

Simulator::Simulator(const service::CommonOptions& common, SimulatorOptions options,
                     contract::PipelineConfig pipeline)
    : common_(common),
      options_(std::move(options)),
      pipeline_(std::move(pipeline)),
      folder_(Concat(options_.data_dir, "/", pipeline_.name)),
      created_(absl::Now()) {
  generating_ = !options_.stopped;
  heartbeat_ns_ = absl::ToUnixNanos(created_);
  metrics::Registry& registry = metrics::Registry::Process();
  for (size_t i = 0; i < kFaultCount; ++i) {
    const std::string_view label = Describe(static_cast<Fault>(i)).label;
    simulated_[static_cast<Fault>(i)] =
        registry.Get(CounterId::kSimulatedRecords,
                     {pipeline_.name, label.empty() ? "none" : std::string(label)});
  }
  delivery_failures_ = registry.Get(CounterId::kDeliveryFailures, {pipeline_.name});
  spool_records_ = registry.Get(GaugeId::kSpoolRecords, {pipeline_.name});
  spool_bytes_ = registry.Get(GaugeId::kSpoolBytes, {pipeline_.name});
}

Simulator::~Simulator() {
  if (thread_.joinable()) Stop(absl::ZeroDuration()).IgnoreError();
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::Status Simulator::Start() {
  SLUICE_RETURN_IF_ERROR(PrepareFolder());
  SLUICE_ASSIGN_OR_RETURN(admin_, kafka::Admin::Create(KafkaConfig(common_)));
  pacer_.SetRate(options_.rate, absl::Now());
  thread_ = std::thread([this] { Run(); });
  started_ = true;
  return absl::OkStatus();
}

absl::Status Simulator::Stop(absl::Duration timeout) {
  if (!thread_.joinable()) return absl::OkStatus();
  // What is in flight may arrive in the meantime; what does not is found by reading back.
  stop_by_ns_ = absl::ToUnixNanos(absl::Now() + std::min(timeout * 0.5, absl::Seconds(10)));
  stopping_ = true;
  waker_.Signal();
  thread_.join();
  return absl::OkStatus();
}

absl::Status Simulator::Failure() {
  std::lock_guard lock(mutex_);
  return failure_;
}

void Simulator::Run() {
  Backoff backoff;
  while (!stopping_) {
    const absl::Status status = RunDelivery();
    delivery_.reset();
    if (status.ok() || stopping_) break;
    const bool retry =
        IsRetryable(status) || absl::IsResourceExhausted(status) || absl::IsNotFound(status);
    std::string line = Concat(
        "{\"ts\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
        "\",\"event\":\"", retry ? "retry" : "stop", "\",\"error\":");
    AppendJsonString(StdView(status.message()), &line);
    failures_->Write(line + "}");
    if (!retry) {
      log::Error("simulator stops", {{"pipeline", pipeline_.name}, {"error", status}});
      UpdateStatus("failed", std::string(StdView(status.message())));
      std::lock_guard lock(mutex_);
      failure_ = status;
      return;
    }
    const absl::Duration wait = backoff.Next();
    if (status_.state == "running") backoff.Reset();
    delivery_failures_.Increment();
    log::Warn("delivery begins anew",
              {{"pipeline", pipeline_.name}, {"wait", wait}, {"error", status}});
    UpdateStatus("blocked", std::string(StdView(status.message())));
    const absl::Time until = absl::Now() + wait;
    while (!stopping_ && absl::Now() < until) {
      waker_.Wait(until - absl::Now());
      RunCommands();
    }
    std::lock_guard lock(mutex_);
    ++recoveries_;
  }
  UpdateStatus(done_ ? "done" : "stopping", "");
}

absl::Status Simulator::RunDelivery() {
  UpdateStatus("starting", "");
  SLUICE_RETURN_IF_ERROR(PrepareTopic());
  SLUICE_RETURN_IF_ERROR(PrepareCheckpoint());
  DeliveryContext context;
  topic_ = MakeTopic(KafkaConfig(common_), pipeline_.source_topic, topic_partitions_, admin_.get(),
                     &waker_);
  context.topic = topic_.get();
  context.spread_evenly = options_.spread == "even";
  context.checkpoint_path = Concat(folder_, "/checkpoint.json");
  context.checkpoint = &checkpoint_;
  context.main = main_.get();
  context.published = published_.get();
  if (profile_.has_value()) {
    context.truth_path = options_.truth.empty() ? Concat(folder_, "/truth.ndjson") : options_.truth;
  }
  context.successes = successes_.get();
  context.failures = failures_.get();
  context.pacer = &pacer_;
  context.on_done = [this](const DeliveryWindow::Chunk& chunk) { OnDone(chunk); };
  if (!checkpoint_.clean) UpdateStatus("reading_back", "");
  SLUICE_ASSIGN_OR_RETURN(delivery_, Delivery::Open(context, [this] {
                            heartbeat_ns_ = absl::ToUnixNanos(absl::Now());
                            return !stopping_;
                          }));
  if (profile_.has_value()) {
    SLUICE_RETURN_IF_ERROR(AdoptFaults(profile_->faults, delivery_->main_fixed_until()));
  }
  return StepLoop();
}

absl::Status Simulator::PrepareTopic() {
  const std::string& topic = pipeline_.source_topic;
  absl::StatusOr<kafka::TopicDescription> description = admin_->Describe(topic, kRequestTimeout);
  if (absl::IsNotFound(description.status())) {
    const int64_t largest = std::max<int64_t>(2 * pipeline_.max_record_bytes, 2 << 20);
    SLUICE_RETURN_IF_ERROR(
        admin_->CreateTopic(topic, options_.partitions, pipeline_.replication_factor,
                            {{"max.message.bytes", absl::StrCat(largest)}}, kRequestTimeout));
    log::Info("topic created", {{"topic", topic}, {"partitions", options_.partitions}});
    description = admin_->Describe(topic, kRequestTimeout);
  }
  if (!description.ok()) return description.status();
  topic_partitions_ = description->partitions;
  checkpoint_.topic_id = description->id;  // for PrepareCheckpoint to compare
  for (int32_t partition = 0; partition < topic_partitions_; ++partition) {
    delivered_.try_emplace(
        partition, metrics::Registry::Process().Get(CounterId::kDeliveredRecords,
                                                    {pipeline_.name, absl::StrCat(partition)}));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string largest,
                          admin_->TopicConfig(topic, "max.message.bytes", kRequestTimeout));
  SLUICE_ASSIGN_OR_RETURN(const std::string timestamps,
                          admin_->TopicConfig(topic, "message.timestamp.type", kRequestTimeout));
  max_message_bytes_ = std::strtoll(largest.c_str(), nullptr, 10);
  timestamps_kept_ = timestamps != "LogAppendTime";
  return absl::OkStatus();
}

absl::Status Simulator::PrepareCheckpoint() {
  const std::string topic_id = checkpoint_.topic_id;
  SLUICE_ASSIGN_OR_RETURN(std::optional<Checkpoint> stored,
                          LoadCheckpoint(Concat(folder_, "/checkpoint.json")));
  if (!stored.has_value()) {
    SLUICE_ASSIGN_OR_RETURN(const auto ends,
                            ReadEnds(*admin_, pipeline_.source_topic, topic_partitions_));
    // The same seed on an empty topic gives the same ids; two runs into one topic do not.
    uint64_t hash = Hash(options_.seed);
    for (const auto& [partition, end] : ends) hash = Hash(hash, partition, end);
    stored = Checkpoint();
    stored->run_id = absl::StrCat(absl::Hex(hash >> 32, absl::kZeroPad8));
    stored->origin = origin_;
    stored->topic = pipeline_.source_topic;
    stored->topic_id = topic_id;
  }
  const std::string advice =
      Concat("; use a new --data-dir instead of ", folder_, " to begin anew");
  if (stored->topic != pipeline_.source_topic ||
      (!topic_id.empty() && stored->topic_id != topic_id)) {
    return absl::FailedPreconditionError(
        Concat("the records of this data directory went to another topic (", stored->topic, ", id ",
               stored->topic_id, "), which was recreated or renamed", advice));
  }
  if (has_main() && stored->origin != origin_) {
    if (stored->main.record > 0 || !stored->clean) {
      return absl::FailedPreconditionError(Concat("this data directory belongs to other records (",
                                                  stored->origin, ", not ", origin_, ")", advice));
    }
    stored->origin = origin_;
  }
  checkpoint_ = *std::move(stored);
  publisher_->Open(checkpoint_.run_id, topic_partitions_, max_message_bytes_);
  return absl::OkStatus();
}

absl::Status Simulator::AdoptFaults(const FaultMix& wanted, int64_t from) {
  FaultMix mix = wanted;
  if (max_message_bytes_ < pipeline_.max_record_bytes + kRecordOverhead) {
    mix.Set(Fault::kOversize, 0).IgnoreError();
  }
  if (!timestamps_kept_) mix.Set(Fault::kBadRecordTimestamp, 0).IgnoreError();
  if (mix != wanted) {
    log::Warn(
        "the topic does not allow some faults: no oversize records below max.message.bytes, no bad "
        "record "
        "timestamps with LogAppendTime",
        {{"topic", pipeline_.source_topic}});
  }
  if (!checkpoint_.faults.empty() && checkpoint_.faults.rbegin()->second == mix)
    return absl::OkStatus();
  checkpoint_.faults[from] = mix;
  return StoreCheckpoint(Concat(folder_, "/checkpoint.json"), checkpoint_);
}

absl::Status Simulator::StepLoop() {
  bool generating = false;
  absl::Time next_status = absl::InfinitePast();
  while (true) {
    RunCommands();
    const absl::Time now = absl::Now();
    heartbeat_ns_ = absl::ToUnixNanos(now);
    const bool generate = generating_now();
    if (generate && !generating) pacer_.Restart(now);
    generating = generate;
    SLUICE_RETURN_IF_ERROR(delivery_->Step(now, generate));
    const bool settled = delivery_->Settled(generate);
    const bool finished = settled && generate && (!has_main() || main_->exhausted());
    if (stopping_ || (finished && options_.exit_when_done)) {
      SLUICE_FAULT_POINT("simulator.stopping");
      if (settled) SLUICE_RETURN_IF_ERROR(delivery_->StoreClean());
      if (!stopping_) done_ = true;
      if (settled || now >= absl::FromUnixNanos(stop_by_ns_)) return absl::OkStatus();
    }
    if (now >= next_status) {
      UpdateStatus(finished && has_main() ? "done"
                   : generate             ? "running"
                   : !draining_           ? "paused"
                   : settled              ? "drained"
                                          : "draining",
                   "");
      next_status = now + kStatusInterval;
    }
    const absl::Duration wait = delivery_->NextStep(now, generate) - absl::Now();
    if (wait > absl::ZeroDuration()) waker_.Wait(wait);
  }
}

void Simulator::OnDone(const DeliveryWindow::Chunk& chunk) {
  std::array<int64_t, kFaultCount> by_fault{};
  std::map<int32_t, int64_t> by_partition;
  for (const SentRecord& record : chunk.records) {
    if (record.state != SentRecord::State::kDelivered) continue;
    ++by_partition[record.partition];
    if (record.expectation != nullptr) ++by_fault[static_cast<size_t>(record.expectation->fault)];
  }
  for (size_t i = 0; i < kFaultCount; ++i) simulated_[static_cast<Fault>(i)].Increment(by_fault[i]);
  for (const auto& [partition, count] : by_partition) delivered_[partition].Increment(count);
}

void Simulator::RunCommands() {
  while (true) {
    std::function<void()> command;
    {
      std::lock_guard lock(mutex_);
      if (commands_.empty()) return;
      command = std::move(commands_.front());
      commands_.pop_front();
    }
    command();
  }
}

absl::Status Simulator::Command(std::function<absl::Status()> command) {
  auto result = std::make_shared<std::promise<absl::Status>>();  // the caller may have given up
  std::future<absl::Status> answer = result->get_future();
  {
    std::lock_guard lock(mutex_);
    if (commands_.size() >= kMaxCommands)
      return absl::UnavailableError("too many commands wait; retry later");
    commands_.push_back([result, command = std::move(command)] { result->set_value(command()); });
  }
  waker_.Signal();
  if (answer.wait_for(absl::ToChronoMilliseconds(kCommandTimeout)) != std::future_status::ready) {
    return absl::DeadlineExceededError(
        "the simulator is busy or not running; the command may still be carried out");
  }
  return answer.get();
}

void Simulator::UpdateStatus(const std::string& state, const std::string& error) {
  const int64_t spooled = spool_->next_record() - checkpoint_.published.record;
  spool_records_.Set(static_cast<double>(spooled));
  spool_bytes_.Set(static_cast<double>(spool_->bytes()));
  std::lock_guard lock(mutex_);
  status_.topic = pipeline_.source_topic;
  status_.state = state;
  status_.error = error;
  status_.run_id = checkpoint_.run_id;
  status_.seed = options_.seed;
  status_.delivered = checkpoint_.delivered;
  status_.delivered_published = checkpoint_.delivered_published;
  status_.spool_records = spooled;
  status_.spool_bytes = spool_->bytes();
  status_.rejected = checkpoint_.rejected;
  status_.in_flight = delivery_ == nullptr ? 0 : static_cast<int64_t>(delivery_->in_flight());
  status_.recoveries = recoveries_;
  status_.rate = pacer_.rate();
  status_.target = options_.records;
  status_.delivered_faults = checkpoint_.delivered_faults;
  if (!checkpoint_.faults.empty()) status_.faults = checkpoint_.faults.rbegin()->second;
  if (delivery_ != nullptr) status_.ends = delivery_->ends();
}

}  // namespace sluice::producer_simulator
