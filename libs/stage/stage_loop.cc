#include "stage/stage_loop.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"

namespace sluice::stage {
namespace {

using service::PartitionState;

constexpr absl::Duration kHousekeepingEvery = absl::Milliseconds(200);
constexpr absl::Duration kCommitHintsEvery = absl::Seconds(1);
// Opening partitions waits for answers. When they do not come, the rest of the loop has its turn in
// between.
constexpr absl::Duration kOpenForSoLong = absl::Seconds(1);
// The first answer to a fetch says where a partition ends, also when it is empty. So long without
// one, and the client does not ask: it may forget to for a partition that it was given while the
// broker came back. Given to it again, it asks.
constexpr absl::Duration kFetched = absl::Seconds(10);
// A stage that is told to stop settles for so long, and waits for nobody after that.
constexpr absl::Duration kSettle = absl::Seconds(10);

std::optional<kafka::Offset> OffsetOf(int32_t partition,
                                      const std::map<int32_t, kafka::OffsetAndMetadata>& offsets) {
  const auto found = offsets.find(partition);
  if (found == offsets.end()) return std::nullopt;
  return found->second.offset;
}

}  // namespace

StageLoop::StageLoop(const service::CommonOptions& options, contract::PipelineConfig pipeline,
                     StageDefinition definition)
    : options_(options), definition_(std::move(definition)), started_at_(absl::Now()) {
  context_.pipeline = std::move(pipeline);
  context_.kafka = {options.bootstrap_servers, Concat("sluice-", options.instance_id),
                    options.kafka_properties};
  context_.stage = definition_.stage;
  context_.instance_id = options.instance_id;
  context_.waker = &waker_;
  context_.taps = &taps_;
  context_.read_from = [this](int32_t partition, kafka::Offset from) {
    housekeeping_at_ = absl::InfinitePast();  // there is a gap: let the status say so at once
    return input_->ReadFrom(partition, from);
  };
}

StageLoop::~StageLoop() {
  if (Stop(absl::Seconds(5)).ok()) return;
  log::Error("the stage hangs: ending at once", {{"stage", definition_.stage}});
  _exit(1);
}

absl::Status StageLoop::Start() {
  metrics_ = std::make_unique<StageMetrics>(context_.pipeline.name, definition_.stage,
                                            definition_.input_topic);
  context_.metrics = metrics_.get();
  SLUICE_ASSIGN_OR_RETURN(admin_, kafka::Admin::Create(context_.kafka));
  context_.admin = admin_.get();
  SLUICE_ASSIGN_OR_RETURN(
      input_watch_, kafka::TopicWatch::Create(context_.kafka, definition_.input_topic, &waker_));
  SLUICE_ASSIGN_OR_RETURN(worker_, definition_.make_worker(context_));
  watchdog_.Start(absl::Now());
  PublishStatus(absl::Now());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status StageLoop::Stop(absl::Duration timeout) {
  if (!thread_.joinable()) return absl::OkStatus();
  if (!stopping_) *context_.give_up_at_ms = absl::ToUnixMillis(absl::Now() + kSettle);
  stopping_ = true;
  waker_.Signal();
  std::unique_lock lock(mutex_);
  const bool finished = finished_changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout),
                                                   [this] { return finished_; });
  lock.unlock();
  if (!finished) return absl::DeadlineExceededError("the stage did not stop in time");
  thread_.join();
  return absl::OkStatus();
}

void StageLoop::Beat() { watchdog_.Beat(absl::Now()); }

absl::Status StageLoop::Failure() { return published_.failure(); }

void StageLoop::Run() {
  while (!stopping_) {
    const absl::Time now = absl::Now();
    const absl::Time deadline = std::min(worker_->Deadline(), housekeeping_at_);
    waker_.Wait(std::clamp(deadline - now, absl::ZeroDuration(), kHousekeepingEvery));
    Turn(absl::Now());
  }
  Finish();
  commands_.Close();
  const std::lock_guard lock(mutex_);
  finished_ = true;
  finished_changed_.notify_all();
}

void StageLoop::Turn(absl::Time now) {
  watchdog_.Turned(now);
  if (watchdog_.StoodStill(now)) LetGo(now);
  commands_.RunAll();
  if (Connected(now)) {
    if (const auto assigned = member_->Poll()) Reassign(*assigned);
    OpenDue(now);
    CallWorker(now);
    if (!worker_->Full()) FeedWorker();
    CallWorker(absl::Now());
  }
  if (now >= housekeeping_at_) Housekeeping(now);
}

bool StageLoop::Connected(absl::Time now) {
  if (connected_.ok() || now < connect_at_) return connected_.ok();
  connected_ = Connect();
  if (connected_.ok()) return false;  // its turns begin with the next one
  connect_at_ = now + connect_backoff_.Next();
  if (!IsRetryable(connected_)) published_.Fail(connected_);
  return false;
}

absl::Status StageLoop::Connect() {
  SLUICE_RETURN_IF_ERROR(worker_->Prepare());
  SLUICE_ASSIGN_OR_RETURN(auto consumer,
                          kafka::Consumer::Create(context_.kafka, definition_.consumer, &waker_));
  input_ = std::make_unique<InputReader>(definition_.input_topic, std::move(consumer),
                                         input_watch_.get(), &waker_);
  SLUICE_ASSIGN_OR_RETURN(
      member_, kafka::GroupMember::Join(context_.kafka, definition_.group, definition_.input_topic,
                                        context_.instance_id, &waker_));
  return absl::OkStatus();
}

void StageLoop::Reassign(const std::vector<int32_t>& partitions) {
  for (auto it = partitions_.begin(); it != partitions_.end();) {
    if (std::find(partitions.begin(), partitions.end(), it->first) != partitions.end()) {
      ++it;
      continue;
    }
    log::Info("partition given up", {{"stage", definition_.stage}, {"partition", it->first}});
    Close(it->first, it->second);
    metrics_->Disown(it->first);
    it = partitions_.erase(it);
  }
  for (int32_t number : partitions) {
    if (!partitions_.try_emplace(number).second) continue;
    log::Info("partition taken", {{"stage", definition_.stage}, {"partition", number}});
    metrics_->Own(number);
  }
  joined_ = true;
  housekeeping_at_ = absl::InfinitePast();
}

void StageLoop::OpenDue(absl::Time now) {
  if (draining_) return;
  // The one that waits longest comes first, so that a partition whose answers never come does not
  // keep the others from theirs.
  for (absl::Time at = now; at < now + kOpenForSoLong && !stopping_; at = absl::Now()) {
    auto next = partitions_.end();
    for (auto it = partitions_.begin(); it != partitions_.end(); ++it) {
      if (!it->second.WaitsToOpen() || at < it->second.open_at()) continue;
      if (next == partitions_.end() || it->second.open_at() < next->second.open_at()) next = it;
    }
    if (next == partitions_.end()) return;
    Open(next->first, next->second);
  }
}

void StageLoop::Open(int32_t number, OwnedPartition& partition) {
  const auto from = worker_->Open(number, partition.rewind_to());
  absl::Status status = from.status();
  if (status.ok()) {
    status = input_->Open(number, *from, worker_->InputLog(number));
    if (!status.ok()) worker_->Close(number);
  }
  if (!status.ok()) {
    OnFault({number, status}, absl::Now());
    return;
  }
  SLUICE_FAULT_POINT("stage.opened");
  metrics_->Opened();
  partition.Opened(*from, absl::Now());
}

void StageLoop::Close(int32_t number, OwnedPartition& partition) {
  if (!partition.IsOpen()) return;
  input_->Close(number);
  worker_->Close(number);
  partition.Closed();
}

void StageLoop::CallWorker(absl::Time now) {
  std::vector<Fault> faults;
  worker_->Tick(now, &faults);
  for (const Fault& fault : faults) OnFault(fault, now);
}

void StageLoop::FeedWorker() {
  std::vector<Fault> faults;
  input_->Poll(&messages_, &faults);
  for (const Fault& fault : faults) OnFault(fault, absl::Now());
  if (messages_.empty()) return;
  int64_t bytes = 0;
  for (kafka::Message& message : messages_) {
    bytes += static_cast<int64_t>(message.value().value_or("").size());
    // A worker that finds a gap has the log read again from further back, while later messages are
    // here already: it may see messages twice, and knows a repeat.
    partitions_.at(message.partition()).Read(message.offset());
    worker_->Take(std::move(message));
    SLUICE_FAULT_POINT("stage.taken");
  }
  metrics_->ReceivedBytes(bytes);
}

void StageLoop::OnFault(const Fault& fault, absl::Time now) {
  const auto found = partitions_.find(fault.partition);
  if (found == partitions_.end()) return;
  OwnedPartition& partition = found->second;
  std::optional<kafka::Offset> done;
  if (partition.IsOpen()) {
    done = OffsetOf(fault.partition, worker_->DoneOffsets());
    input_->Close(fault.partition);
    worker_->Close(fault.partition);
  }
  housekeeping_at_ = absl::InfinitePast();  // the status has to say so before anything else waits
  if (!partition.Failed(fault.status, done, now)) return;
  const bool again = partition.state() == PartitionState::kBlocked;
  const auto write = again ? &log::Warn : &log::Error;
  write(partition.state() == PartitionState::kTripped ? "the breaker stopped a partition"
        : again                                       ? "partition blocked"
                                                      : "partition stopped",
        {{"stage", definition_.stage}, {"partition", fault.partition}, {"error", fault.status}});
}

void StageLoop::NoteRecoveries() {
  const auto failing = [](const auto& entry) { return entry.second.IsFailing(); };
  if (std::none_of(partitions_.begin(), partitions_.end(), failing)) return;
  const std::map<int32_t, kafka::OffsetAndMetadata> done = worker_->DoneOffsets();
  for (auto& [number, partition] : partitions_) {
    if (!partition.IsFailing()) continue;
    if (!partition.HasRecovered(OffsetOf(number, done), input_->End(number), worker_->Settled()))
      continue;
    log::Info("partition goes on", {{"stage", definition_.stage}, {"partition", number}});
    partition.Recovered();
  }
}

void StageLoop::LetGo(absl::Time now) {
  for (auto& [number, partition] : partitions_) {
    if (partition.IsOpen())
      OnFault({number, absl::AbortedError("the process stood still; somebody else may own it")},
              now);
  }
}

void StageLoop::ReopenUnfetched(absl::Time now) {
  for (const auto& [number, partition] : partitions_) {
    if (!partition.IsOpen() || now - partition.opened_at() < kFetched) continue;
    if (!watchdog_.Answering(absl::Now()).ok() || input_->End(number) >= 0) continue;
    OnFault({number, absl::UnavailableError("Kafka has not served the partition")}, now);
  }
}

void StageLoop::Housekeeping(absl::Time now) {
  housekeeping_at_ = now + kHousekeepingEvery;
  ReopenUnfetched(now);
  if (connected_.ok() && now >= commit_hints_at_) {
    commit_hints_at_ = now + kCommitHintsEvery;
    if (const auto hints = worker_->DoneOffsets(); !hints.empty()) {
      SLUICE_FAULT_POINT("stage.before_group_commit");
      member_->Commit(hints);
      SLUICE_FAULT_POINT("stage.after_group_commit");
    }
  }
  NoteRecoveries();
  PublishStatus(now);
}

void StageLoop::Finish() {
  SLUICE_FAULT_POINT("stage.stopping");
  // What is in flight gets a moment to be acknowledged or committed; what does not make it is read
  // again by the next owner.
  const absl::Time deadline = absl::FromUnixMillis(*context_.give_up_at_ms);
  for (auto& [number, partition] : partitions_) {
    if (partition.IsOpen()) input_->StopFetching(number);
  }
  draining_ = true;
  std::vector<Fault> faults;
  while (connected_.ok() && faults.empty() && !worker_->Settled() && absl::Now() < deadline) {
    worker_->Tick(absl::Now(), &faults);
    waker_.Wait(absl::Milliseconds(10));
  }
  SLUICE_FAULT_POINT("stage.settled");
  for (auto& [number, partition] : partitions_) Close(number, partition);
  if (member_ != nullptr) {
    if (const auto hints = worker_->DoneOffsets(); !hints.empty()) member_->Commit(hints);
    member_->Leave(absl::Seconds(3));
  }
  SLUICE_FAULT_POINT("stage.left");
  PublishStatus(absl::Now());
}

}  // namespace sluice::stage
