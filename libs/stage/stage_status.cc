// What a stage says of itself: put together by the loop's thread, asked for by any.

#include <algorithm>

#include "base/status.h"
#include "batch/row_json.h"
#include "stage/stage_loop.h"

namespace sluice::stage {

using service::PartitionState;

void StageLoop::PublishStatus(absl::Time now) {
  service::PipelineStatus status;
  status.pipeline = context_.pipeline.name;
  status.generation = context_.pipeline.generation;
  status.stage = definition_.stage;
  status.instance_id = context_.instance_id;
  status.uptime_ms = absl::ToInt64Milliseconds(now - started_at_);
  PartitionTally tally;
  for (const auto& [number, partition] : partitions_) {
    tally.Add(partition);
    status.partitions.push_back(StatusOf(number, partition));
    const service::PartitionStatus& told = status.partitions.back();
    if (told.next >= 0) metrics_->Position(number, told.next);
    if (told.lag >= 0) metrics_->Lag(number, told.lag);
  }
  worker_->DescribeAll(now, &status);
  metrics_->PartitionStates(tally.paused, tally.blocked, tally.stopped, tally.tripped);
  status.state = StateOf(tally);
  absl::Status ready = DependenciesReady();
  status.error = std::string(StdView(ready.message()));
  if (ready.ok()) ready = tally.Ready();
  published_.Publish(std::move(status), std::move(ready));
}

service::PartitionStatus StageLoop::StatusOf(int32_t number,
                                             const OwnedPartition& partition) const {
  service::PartitionStatus status;
  status.partition = number;
  status.state = partition.state();
  status.error = partition.error();
  if (!partition.IsOpen()) return status;
  worker_->Describe(number, &status);
  const kafka::Offset end = input_->End(number);
  if (end >= 0) status.lag = std::max<int64_t>(0, end - partition.read_to());
  if (partition.IsFailing() && status.state == PartitionState::kRunning)
    status.state = PartitionState::kBlocked;
  if (draining_) status.state = PartitionState::kDraining;
  return status;
}

absl::Status StageLoop::DependenciesReady() {
  const kafka::TopicWatch::Answer& input = input_watch_->Poll(0);
  watchdog_.Answered(input.answered_at);
  if (!connected_.ok()) return connected_;
  if (!joined_) return absl::UnavailableError("the consumer group has not assigned partitions yet");
  // Without its topic nobody in the group has a partition, and nothing else would tell.
  if (absl::IsNotFound(input.topic.status()))
    return Annotate(input.topic.status(), "the input topic is gone");
  return worker_->Ready();
}

std::string_view StageLoop::StateOf(const PartitionTally& tally) const {
  if (stopping_) return "stopping";
  if (draining_) return worker_->Settled() ? "drained" : "draining";
  if (!connected_.ok()) return "starting";
  return tally.AllPaused() ? "paused" : "running";
}

service::PipelineStatus StageLoop::GetStatus() {
  service::PipelineStatus status = published_.status();
  if (status.error.empty())
    status.error = std::string(StdView(watchdog_.Answering(absl::Now()).message()));
  return status;
}

absl::Status StageLoop::IsReady() {
  SLUICE_RETURN_IF_ERROR(watchdog_.Answering(absl::Now()));
  return published_.ready();
}

bool StageLoop::IsAlive() { return watchdog_.IsAlive(absl::Now()); }

std::string StageLoop::ConfigJson() {
  const contract::PipelineConfig& pipeline = context_.pipeline;
  std::string json = "{";
  const auto text = [&json](std::string_view key, std::string_view value) {
    Append(&json, json.size() > 1 ? ", \"" : "\"", key, "\": ");
    batch::AppendJsonString(value, &json);
  };
  const auto number = [&json](std::string_view key, int64_t value) {
    Append(&json, ", \"", key, "\": ", value);
  };
  text("pipeline", pipeline.name);
  text("contract", pipeline.contract_path);
  text("stage", definition_.stage);
  text("input_topic", definition_.input_topic);
  text("consumer_group", definition_.group);
  text("source_topic", pipeline.source_topic);
  text("bootstrap_servers", options_.bootstrap_servers);
  text("instance_id", options_.instance_id);
  number("generation", pipeline.generation);
  number("breaker_window", pipeline.breaker ? pipeline.breaker->window : 0);
  Append(&json, ", \"breaker_max_failure_rate\": ",
         pipeline.breaker ? pipeline.breaker->max_failure_rate : 1.0);
  number("batch_rows", pipeline.batch_rows);
  number("batch_bytes", pipeline.batch_bytes);
  number("batch_age_us", absl::ToInt64Microseconds(pipeline.batch_age));
  number("max_record_bytes", pipeline.max_record_bytes);
  number("max_raw_bytes", pipeline.max_raw_bytes);
  number("max_key_bytes", pipeline.max_key_bytes);
  number("max_depth", pipeline.max_depth);
  number("internal_retention_ms", absl::ToInt64Milliseconds(pipeline.internal_retention));
  json.push_back('}');
  return json;
}

}  // namespace sluice::stage
