// What operators ask of a stage: from any thread, carried out by the loop's.

#include <algorithm>
#include <future>
#include <utility>

#include "base/status.h"
#include "batch/row_json.h"
#include "contract/contract.h"
#include "stage/stage_loop.h"
#include "stage/topics.h"

namespace sluice::stage {
namespace {

using service::PartitionState;

constexpr absl::Duration kCommandTimeout = absl::Seconds(10);

}  // namespace

template <typename Answer>
absl::StatusOr<Answer> StageLoop::Ask(std::function<absl::StatusOr<Answer>()> act) {
  // Shared with the loop, which may come to it only after the caller has given up.
  auto answer = std::make_shared<std::promise<absl::StatusOr<Answer>>>();
  std::future<absl::StatusOr<Answer>> future = answer->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return absl::UnavailableError("the stage has stopped");
    commands_.push_back([act = std::move(act), answer] { answer->set_value(act()); });
  }
  waker_.Signal();
  if (future.wait_for(absl::ToChronoMilliseconds(kCommandTimeout)) != std::future_status::ready) {
    return absl::DeadlineExceededError("the stage is busy; the request will be carried out later");
  }
  return future.get();
}

absl::Status StageLoop::Do(std::function<absl::Status()> act) {
  return Ask<bool>([act = std::move(act)]() -> absl::StatusOr<bool> {
           SLUICE_RETURN_IF_ERROR(act());
           return true;
         })
      .status();
}

absl::Status StageLoop::ForEach(const std::vector<int32_t>& partitions,
                                const std::function<void(int32_t, Lane&)>& act) {
  for (int32_t partition : partitions) {
    if (!lanes_.contains(partition)) {
      return absl::NotFoundError(Concat("this instance does not own the partition: ", partition));
    }
  }
  for (auto& [number, lane] : lanes_) {
    const bool named = std::find(partitions.begin(), partitions.end(), number) != partitions.end();
    if (partitions.empty() || named) act(number, lane);
  }
  housekeeping_at_ = absl::InfinitePast();
  return absl::OkStatus();
}

absl::Status StageLoop::Pause(const std::vector<int32_t>& partitions) {
  return Do([this, partitions] {
    return ForEach(partitions, [this](int32_t number, Lane& lane) {
      CloseLane(number, lane);
      lane.state = PartitionState::kPaused;
    });
  });
}

absl::Status StageLoop::Resume(const std::vector<int32_t>& partitions) {
  return Do([this, partitions] {
    // A drained partition is open but reads nothing: only opening it again starts its input.
    const bool drained = std::exchange(draining_, false);
    if (drained)
      SLUICE_RETURN_IF_ERROR(
          ForEach({}, [this](int32_t number, Lane& lane) { CloseLane(number, lane); }));
    return ForEach(partitions, [](int32_t, Lane& lane) {
      if (lane.IsOpen()) return;
      lane.state = PartitionState::kOpening;
      lane.retry_at = absl::InfinitePast();
      lane.backoff.Reset();
    });
  });
}

absl::Status StageLoop::Drain() {
  return Do([this] {
    draining_ = true;
    return ForEach({}, [this](int32_t number, Lane& lane) {
      if (lane.IsOpen()) (void)consumer_->Stop({definition_.input_topic, number});
    });
  });
}

absl::StatusOr<service::SeekResult> StageLoop::Seek(int32_t partition, int64_t offset,
                                                    bool dry_run) {
  return Ask<service::SeekResult>(
      [this, partition, offset, dry_run]() -> absl::StatusOr<service::SeekResult> {
        const auto lane = lanes_.find(partition);
        if (lane == lanes_.end())
          return absl::NotFoundError("this instance does not own the partition");
        if (lane->second.state != PartitionState::kPaused) {
          return absl::FailedPreconditionError("pause the partition first: sluicectl pause");
        }
        // Opening tells whether that offset can be gone back to.
        SLUICE_RETURN_IF_ERROR(worker_->Open(partition, std::nullopt).status());
        service::PartitionStatus now;
        worker_->Describe(partition, &now);
        worker_->Close(partition);
        SLUICE_RETURN_IF_ERROR(worker_->Open(partition, offset).status());
        worker_->Close(partition);
        if (!dry_run) lane->second.rewind_to = offset;
        return service::SeekResult{now.next, offset};
      });
}

absl::StatusOr<service::SeekResult> StageLoop::Repair(int32_t partition, int64_t from,
                                                      bool dry_run) {
  return Ask<service::SeekResult>(
      [this, partition, from, dry_run]() -> absl::StatusOr<service::SeekResult> {
        const auto found = lanes_.find(partition);
        if (found == lanes_.end())
          return absl::NotFoundError("this instance does not own the partition");
        Lane& lane = found->second;
        if (!lane.IsOpen()) return absl::FailedPreconditionError("the partition is not running");
        service::PartitionStatus now;
        worker_->Describe(partition, &now);
        const service::SeekResult result{now.next, from};
        if (from >= now.next) {
          return absl::OutOfRangeError(
              Concat("repair goes back, not forward: position=", now.next, " from=", from));
        }
        if (dry_run) return result;
        CloseLane(partition, lane);
        lane.rewind_to = from;
        lane.retry_at = absl::InfinitePast();
        OpenLane(partition, lane);
        if (lane.IsOpen()) return result;
        return absl::FailedPreconditionError(lane.error);
      });
}

absl::StatusOr<service::SeekResult> StageLoop::AcceptLoss(int32_t partition, bool dry_run) {
  return Ask<service::SeekResult>([this, partition,
                                   dry_run]() -> absl::StatusOr<service::SeekResult> {
    const auto found = lanes_.find(partition);
    if (found == lanes_.end())
      return absl::NotFoundError("this instance does not own the partition");
    if (found->second.IsOpen()) {
      return absl::FailedPreconditionError("the partition is running: there is no loss to accept");
    }
    SLUICE_ASSIGN_OR_RETURN(const service::SeekResult result,
                            worker_->AcceptLoss(partition, dry_run));
    if (dry_run) return result;
    found->second.state = PartitionState::kOpening;
    found->second.retry_at = absl::InfinitePast();
    return result;
  });
}

absl::StatusOr<service::BreakerReset> StageLoop::ResetBreaker(
    int32_t partition, const service::BreakerResetRequest& request) {
  return Ask<service::BreakerReset>([this, partition,
                                     request]() -> absl::StatusOr<service::BreakerReset> {
    const auto found = lanes_.find(partition);
    if (found == lanes_.end())
      return absl::NotFoundError("this instance does not own the partition");
    Lane& lane = found->second;
    if (lane.state != PartitionState::kTripped)
      return absl::FailedPreconditionError("the breaker of this partition is not open");
    SLUICE_ASSIGN_OR_RETURN(service::BreakerReset reset, worker_->ResetBreaker(partition, request));
    if (request.dry_run) return reset;
    lane.state = PartitionState::kOpening;
    lane.retry_at = absl::InfinitePast();
    lane.Recovered();
    housekeeping_at_ = absl::InfinitePast();
    return reset;
  });
}

absl::StatusOr<std::unique_ptr<service::TapStream>> StageLoop::Tap(
    const service::TapFilter& filter) {
  if (filter.rule || filter.column) {
    if (context_.stage == kValidatedStage)
      return absl::InvalidArgumentError("the validator evaluates no rules: tap qc or a sink");
    if (!taps_.knows_contract()) {
      // No batch has come by. Those that come will most likely be of the file's contract.
      const auto contract = contract::LoadContract(context_.pipeline.contract_path);
      if (contract.ok()) taps_.Learn(**contract);
    }
  }
  return taps_.Open(filter);
}

absl::StatusOr<service::ReloadResult> StageLoop::ReloadContract() {
  return Ask<service::ReloadResult>([this] { return worker_->ReloadContract(); });
}

service::PipelineStatus StageLoop::GetStatus() {
  const absl::Status answering = Answering();
  const std::lock_guard lock(mutex_);
  service::PipelineStatus status = status_;
  if (status.error.empty()) status.error = std::string(StdView(answering.message()));
  return status;
}

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
