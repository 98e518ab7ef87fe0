#include "stage/stage_loop.h"

#include <unistd.h>

#include <algorithm>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "stage/topics.h"

namespace sluice::stage {
namespace {

using service::PartitionState;

constexpr absl::Duration kHousekeepingEvery = absl::Milliseconds(200);
constexpr absl::Duration kCommitHintsEvery = absl::Seconds(1);
// A turn may wait for one bounded request to Kafka or PostgreSQL; longer than this and the loop
// hangs.
constexpr absl::Duration kTurnLimit = absl::Seconds(90);
// Longer than a turn takes while everything answers: what the loop last said of itself may not
// hold.
constexpr absl::Duration kSlowTurn = absl::Seconds(3);
// Somebody else took the partition over: time enough to hear from the group that it is no longer
// ours.
constexpr absl::Duration kFencedPause = absl::Seconds(5);
// A process that stood still for longer may have lost its partitions without having been told
// (session timeout 10 s).
constexpr absl::Duration kStoodStill = absl::Seconds(9);
// Opening partitions waits for answers. When they do not come, the rest of the loop has its turn in
// between.
constexpr absl::Duration kOpenForSoLong = absl::Seconds(1);
// Kafka is asked every second. So long without an answer, or without a turn of the loop that takes
// it, and Kafka is away.
constexpr absl::Duration kNoAnswer = absl::Milliseconds(3500);
// The first answer to a fetch says where a partition ends, also when it is empty. So long without
// one, and the client does not ask: it may forget to for a partition that it was given while the
// broker came back. Given to it again, it asks.
constexpr absl::Duration kFetched = absl::Seconds(10);
// A stage that is told to stop settles for so long, and waits for nobody after that.
constexpr absl::Duration kSettle = absl::Seconds(10);
constexpr size_t kMessagesAtOnce = 2000;

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
    lanes_.at(partition).read_from = from;
    housekeeping_at_ = absl::InfinitePast();  // there is a gap: let the status say so at once
    return consumer_->Start({definition_.input_topic, partition}, from);
  };
  ready_ = absl::UnavailableError("starting");
  status_.state = "starting";
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
  last_turn_ms_ = last_beat_ms_ = absl::ToUnixMillis(absl::Now());
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

void StageLoop::Run() {
  while (!stopping_) {
    const absl::Time now = absl::Now();
    const absl::Time deadline = std::min(worker_->Deadline(), housekeeping_at_);
    waker_.Wait(std::clamp(deadline - now, absl::ZeroDuration(), kHousekeepingEvery));
    Turn(absl::Now());
  }
  Finish();
  const std::lock_guard lock(mutex_);
  finished_ = true;
  finished_changed_.notify_all();
}

void StageLoop::Turn(absl::Time now) {
  last_turn_ms_ = absl::ToUnixMillis(now);
  if (StoodStill(now)) LetGo(now);
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) command();
  if (!prepared_) {
    if (now >= connect_at_) {
      const absl::Status status = Connect();
      prepared_ = status.ok();
      if (!prepared_) {
        connect_at_ = now + connect_backoff_.Next();
        const std::lock_guard lock(mutex_);
        ready_ = status;
        if (!IsRetryable(status)) failure_ = status;
      }
    }
    if (now >= housekeeping_at_) Housekeeping(now);
    return;
  }
  if (const auto assigned = member_->Poll()) Reassign(*assigned);
  OpenLanes(now);
  std::vector<Fault> faults;
  worker_->Tick(now, &faults);
  for (const Fault& fault : faults) OnFault(fault, now);
  if (!worker_->Full()) ReadInput();
  faults.clear();
  worker_->Tick(absl::Now(), &faults);
  for (const Fault& fault : faults) OnFault(fault, now);
  if (now >= housekeeping_at_) Housekeeping(now);
}

absl::Status StageLoop::Connect() {
  SLUICE_RETURN_IF_ERROR(worker_->Prepare());
  SLUICE_ASSIGN_OR_RETURN(consumer_,
                          kafka::Consumer::Create(context_.kafka, definition_.consumer, &waker_));
  SLUICE_ASSIGN_OR_RETURN(
      member_, kafka::GroupMember::Join(context_.kafka, definition_.group, definition_.input_topic,
                                        context_.instance_id, &waker_));
  return absl::OkStatus();
}

void StageLoop::Reassign(const std::vector<int32_t>& partitions) {
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    if (std::find(partitions.begin(), partitions.end(), it->first) != partitions.end()) {
      ++it;
      continue;
    }
    log::Info("partition given up", {{"stage", definition_.stage}, {"partition", it->first}});
    CloseLane(it->first, it->second);
    metrics_->Disown(it->first);
    it = lanes_.erase(it);
  }
  for (int32_t partition : partitions) {
    if (!lanes_.try_emplace(partition).second) continue;
    log::Info("partition taken", {{"stage", definition_.stage}, {"partition", partition}});
    metrics_->Own(partition);
  }
  joined_ = true;
  housekeeping_at_ = absl::InfinitePast();
}

void StageLoop::OpenLanes(absl::Time now) {
  if (draining_) return;
  const auto due = [](const auto& entry) {
    const PartitionState state = entry.second.state;
    return state == PartitionState::kOpening || state == PartitionState::kBlocked;
  };
  // The one that waits longest comes first, so that a partition whose answers never come does not
  // keep the others from theirs.
  for (absl::Time at = now; at < now + kOpenForSoLong && !stopping_; at = absl::Now()) {
    auto next = lanes_.end();
    for (auto it = lanes_.begin(); it != lanes_.end(); ++it) {
      if (!due(*it) || at < it->second.retry_at) continue;
      if (next == lanes_.end() || it->second.retry_at < next->second.retry_at) next = it;
    }
    if (next == lanes_.end()) return;
    OpenLane(next->first, next->second);
  }
}

void StageLoop::OpenLane(int32_t partition, Lane& lane) {
  auto read_from = worker_->Open(partition, lane.rewind_to);
  absl::Status status = read_from.status();
  if (status.ok()) {
    status = consumer_->Start({definition_.input_topic, partition}, *read_from);
    if (!status.ok()) worker_->Close(partition);
  }
  if (!status.ok()) {
    OnFault({partition, status}, absl::Now());
    return;
  }
  SLUICE_FAULT_POINT("stage.opened");
  metrics_->Opened();
  std::erase_if(messages_, [partition](const kafka::Message& message) {
    return message.partition() == partition;
  });
  lane.state = PartitionState::kRunning;
  lane.rewind_to.reset();
  lane.read_from = lane.read_to = *read_from;
  lane.opened_at = absl::Now();
  lane.log = worker_->InputLog(partition);
  certain_ = 0;
}

void StageLoop::CloseLane(int32_t partition, Lane& lane) {
  if (!lane.IsOpen()) return;
  (void)consumer_->Stop({definition_.input_topic, partition});
  worker_->Close(partition);
  lane.state = PartitionState::kOpening;
}

void StageLoop::ReadInput() {
  if (messages_.empty()) {
    std::vector<kafka::PartitionError> errors;
    consumer_->Poll(kMessagesAtOnce, absl::ZeroDuration(), &messages_, &errors);
    for (const kafka::PartitionError& error : errors) OnPartitionError(error);
  }
  if (messages_.empty() || !IsSameLog()) return;
  const bool more = messages_.size() == kMessagesAtOnce;
  int64_t bytes = 0;
  for (kafka::Message& message : messages_) {
    bytes += static_cast<int64_t>(message.value().value_or("").size());
    const auto lane = lanes_.find(message.partition());
    // Messages of an earlier opening may still come: they are not asked for any more.
    if (lane == lanes_.end() || !lane->second.IsOpen() || message.offset() < lane->second.read_from)
      continue;
    // A worker that finds a gap has the log read again from further back, while later messages are
    // here already: it may see messages twice, and knows a repeat.
    lane->second.read_to = message.offset() + 1;
    worker_->Take(std::move(message));
    SLUICE_FAULT_POINT("stage.taken");
  }
  metrics_->ReceivedBytes(bytes);
  messages_.clear();
  if (more) waker_.Signal();
}

// Whether what was read is of the log that the positions are about: a topic may have been recreated
// under the consumer.
bool StageLoop::IsSameLog() {
  const uint64_t doubts = consumer_->doubts();
  const auto read = [](const auto& lane) {
    return lane.second.IsOpen() && !lane.second.log.empty();
  };
  if (certain_ >= doubts || std::none_of(lanes_.begin(), lanes_.end(), read)) return true;
  const kafka::TopicWatch::Answer& answer = input_watch_->Poll(doubts);
  if (answer.question < doubts || !answer.topic.ok()) return false;
  certain_ = answer.question;
  for (auto& lane : lanes_) {
    if (!read(lane) || answer.topic->id.empty() || lane.second.log == answer.topic->id) continue;
    if (SLUICE_MISTAKE("topic_id_ignored")) continue;
    // Opening it again says what there is to say.
    OnFault({lane.first, absl::UnavailableError("the input topic was recreated")}, absl::Now());
  }
  return true;
}

void StageLoop::OnPartitionError(const kafka::PartitionError& error) {
  log::Warn("input", {{"partition", error.partition.partition}, {"error", error.status}});
  // Whatever it is, opening again finds out: Open compares the position with the log's limits and
  // the topic's id.
  const auto lane = lanes_.find(error.partition.partition);
  if (lane != lanes_.end() && lane->second.IsOpen() && !absl::IsUnavailable(error.status)) {
    OnFault({lane->first, absl::UnavailableError(error.status.message())}, absl::Now());
  }
}

void StageLoop::OnFault(const Fault& fault, absl::Time now) {
  const auto found = lanes_.find(fault.partition);
  if (found == lanes_.end()) return;
  Lane& lane = found->second;
  lane.failed_at = std::max(lane.failed_at, lane.read_to);
  if (lane.IsOpen()) {
    const auto done = worker_->DoneOffsets();
    if (const auto own = done.find(fault.partition); own != done.end())
      lane.done_before = std::max(lane.done_before, own->second.offset);
  }
  CloseLane(fault.partition, lane);
  housekeeping_at_ = absl::InfinitePast();  // the status has to say so before anything else waits
  const bool fenced = absl::IsAborted(fault.status);
  // A topic or partition that is not there may be about to come: nothing was lost by waiting.
  const bool again = IsRetryable(fault.status) || fenced || absl::IsNotFound(fault.status);
  const bool tripped = IsBreakerOpen(fault.status);
  lane.state = tripped ? PartitionState::kTripped
               : again ? PartitionState::kBlocked
                       : PartitionState::kStopped;
  lane.retry_at = now + (fenced ? kFencedPause : lane.backoff.Next());
  // The first failure in a row is worth a line, and every stop.
  if (!again || lane.error.empty()) {
    const auto write = again ? &log::Warn : &log::Error;
    write(tripped ? "the breaker stopped a partition"
          : again ? "partition blocked"
                  : "partition stopped",
          {{"stage", definition_.stage}, {"partition", fault.partition}, {"error", fault.status}});
  }
  lane.error = std::string(StdView(fault.status.message()));
}

// A partition that could be opened has not recovered yet: what failed was perhaps the work after
// it, and would fail again. It has once more is done than before, or nothing is left to do.
void StageLoop::NoteRecoveries() {
  const auto failing = [](const auto& lane) { return lane.second.IsFailing(); };
  if (std::none_of(lanes_.begin(), lanes_.end(), failing)) return;
  const std::map<int32_t, kafka::OffsetAndMetadata> done = worker_->DoneOffsets();
  for (auto& [partition, lane] : lanes_) {
    if (!lane.IsFailing()) continue;
    const auto found = done.find(partition);
    const bool progress = found != done.end() && found->second.offset > lane.done_before;
    // The log may have been cut since.
    const kafka::Offset end = consumer_->CachedEnd({definition_.input_topic, partition});
    const kafka::Offset goal = end >= 0 ? std::min(lane.failed_at, end) : lane.failed_at;
    if (!progress && (lane.read_to < goal || !worker_->Settled())) continue;
    log::Info("partition goes on", {{"stage", definition_.stage}, {"partition", partition}});
    lane.Recovered();
  }
}

void StageLoop::Beat() {
  const absl::Time now = absl::Now();
  if (now - absl::FromUnixMillis(last_beat_ms_.exchange(absl::ToUnixMillis(now))) > kStoodStill)
    stood_still_ = true;
}

// A turn that was long only waited for an answer: the clients' threads went on, as the beat did.
bool StageLoop::StoodStill(absl::Time now) {
  return stood_still_.exchange(false) || now - absl::FromUnixMillis(last_beat_ms_) > kStoodStill;
}

void StageLoop::LetGo(absl::Time now) {
  for (auto& [partition, lane] : lanes_) {
    if (lane.IsOpen())
      OnFault({partition, absl::AbortedError("the process stood still; somebody else may own it")},
              now);
  }
}

void StageLoop::ReopenUnfetched(absl::Time now) {
  for (const auto& [partition, lane] : lanes_) {
    if (!lane.IsOpen() || now - lane.opened_at < kFetched || !Answering().ok()) continue;
    if (consumer_->CachedEnd({definition_.input_topic, partition}) >= 0) continue;
    OnFault({partition, absl::UnavailableError("Kafka has not served the partition")}, now);
  }
}

void StageLoop::Housekeeping(absl::Time now) {
  housekeeping_at_ = now + kHousekeepingEvery;
  ReopenUnfetched(now);
  if (prepared_ && now >= commit_hints_at_) {
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

absl::Status StageLoop::Ready() {
  const kafka::TopicWatch::Answer& input = input_watch_->Poll(0);
  answered_ms_ = absl::ToUnixMillis(std::max(input.answered_at, started_at_));
  if (!joined_) return absl::UnavailableError("the consumer group has not assigned partitions yet");
  // Without its topic nobody in the group has a partition, and nothing else would tell.
  if (absl::IsNotFound(input.topic.status()))
    return Annotate(input.topic.status(), "the input topic is gone");
  return worker_->Ready();
}

void StageLoop::PublishStatus(absl::Time now) {
  service::PipelineStatus status;
  status.pipeline = context_.pipeline.name;
  status.generation = context_.pipeline.generation;
  status.stage = definition_.stage;
  status.instance_id = context_.instance_id;
  status.uptime_ms = absl::ToInt64Milliseconds(now - started_at_);
  int64_t paused = 0, blocked = 0, stopped = 0, tripped = 0, opening = 0;
  std::string cause;
  for (const auto& [number, lane] : lanes_) {
    service::PartitionStatus partition;
    partition.partition = number;
    partition.state = lane.state;
    partition.error = lane.error;
    if (lane.IsOpen()) {
      worker_->Describe(number, &partition);
      if (partition.next >= 0) metrics_->Position(number, partition.next);
      const kafka::Offset end = consumer_->CachedEnd({definition_.input_topic, number});
      if (end >= 0) {
        partition.lag = std::max<int64_t>(0, end - lane.read_to);
        metrics_->Lag(number, partition.lag);
      }
      if (lane.IsFailing() && partition.state == PartitionState::kRunning)
        partition.state = PartitionState::kBlocked;
      if (draining_) partition.state = PartitionState::kDraining;
    }
    const bool waits = lane.state != PartitionState::kTripped;  // it does what it is there for
    if (cause.empty() && waits && !lane.error.empty()) cause = Concat(": ", lane.error);
    paused += lane.state == PartitionState::kPaused;
    stopped += lane.state == PartitionState::kStopped;
    tripped += lane.state == PartitionState::kTripped;
    blocked += lane.state == PartitionState::kBlocked || lane.IsFailing();
    opening += lane.state == PartitionState::kOpening;
    status.partitions.push_back(std::move(partition));
  }
  worker_->DescribeAll(now, &status);
  metrics_->PartitionStates(paused, blocked, stopped, tripped);
  absl::Status ready = Ready();
  status.error = std::string(StdView(ready.message()));
  if (ready.ok() && stopped > 0)
    ready = absl::FailedPreconditionError(Concat(stopped, " partitions are stopped", cause));
  if (ready.ok() && opening + blocked > 0)
    ready = absl::UnavailableError(Concat(opening + blocked, " partitions are not open", cause));
  status.state = stopping_    ? "stopping"
                 : draining_  ? (worker_->Settled() ? "drained" : "draining")
                 : !prepared_ ? "starting"
                 : paused > 0 && paused == static_cast<int64_t>(lanes_.size()) ? "paused"
                                                                               : "running";
  const std::lock_guard lock(mutex_);
  if (!prepared_ && !ready_.ok() && !absl::IsUnavailable(ready_)) ready = ready_;
  if (!prepared_) status.error = std::string(StdView(ready_.message()));
  if (!failure_.ok()) {
    status.state = "failed";
    status.error = std::string(failure_.message());
  }
  ready_ = std::move(ready);
  status_ = std::move(status);
}

void StageLoop::Finish() {
  SLUICE_FAULT_POINT("stage.stopping");
  // What is in flight gets a moment to be acknowledged or committed; what does not make it is read
  // again by the next owner.
  const absl::Time deadline = absl::FromUnixMillis(*context_.give_up_at_ms);
  for (auto& [partition, lane] : lanes_) {
    if (lane.IsOpen()) (void)consumer_->Stop({definition_.input_topic, partition});
  }
  draining_ = true;
  std::vector<Fault> faults;
  while (prepared_ && faults.empty() && !worker_->Settled() && absl::Now() < deadline) {
    worker_->Tick(absl::Now(), &faults);
    waker_.Wait(absl::Milliseconds(10));
  }
  SLUICE_FAULT_POINT("stage.settled");
  for (auto& [partition, lane] : lanes_) CloseLane(partition, lane);
  if (member_ != nullptr) {
    if (const auto hints = worker_->DoneOffsets(); !hints.empty()) member_->Commit(hints);
    member_->Leave(absl::Seconds(3));
  }
  SLUICE_FAULT_POINT("stage.left");
  PublishStatus(absl::Now());
}

bool StageLoop::IsAlive() { return absl::Now() - absl::FromUnixMillis(last_turn_ms_) < kTurnLimit; }

absl::Status StageLoop::IsReady() {
  SLUICE_RETURN_IF_ERROR(Answering());
  const std::lock_guard lock(mutex_);
  return ready_;
}

absl::Status StageLoop::Answering() const {
  const absl::Time now = absl::Now();
  const absl::Duration turn = now - absl::FromUnixMillis(last_turn_ms_);
  if (turn > kSlowTurn) {
    return absl::UnavailableError(
        Concat("has been waiting for an answer for ", absl::ToInt64Seconds(turn), " s"));
  }
  const absl::Duration silence = now - absl::FromUnixMillis(answered_ms_);
  if (silence < kNoAnswer) return absl::OkStatus();
  return absl::UnavailableError(
      Concat("Kafka has not answered for ", absl::ToInt64Seconds(silence), " s"));
}

absl::Status StageLoop::Failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace sluice::stage
