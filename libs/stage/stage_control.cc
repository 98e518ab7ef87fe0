// What operators ask of a stage: from any thread, carried out by the loop's.

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "contract/contract.h"
#include "stage/stage_loop.h"
#include "stage/topics.h"

namespace sluice::stage {

using service::PartitionState;

absl::Status StageLoop::ForEach(const std::vector<int32_t>& partitions,
                                const std::function<void(int32_t, OwnedPartition&)>& act) {
  for (int32_t partition : partitions) {
    if (!partitions_.contains(partition)) {
      return absl::NotFoundError(Concat("this instance does not own the partition: ", partition));
    }
  }
  for (auto& [number, partition] : partitions_) {
    const bool named = std::find(partitions.begin(), partitions.end(), number) != partitions.end();
    if (partitions.empty() || named) act(number, partition);
  }
  housekeeping_at_ = absl::InfinitePast();
  return absl::OkStatus();
}

absl::StatusOr<OwnedPartition*> StageLoop::Find(int32_t partition) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end())
    return absl::NotFoundError("this instance does not own the partition");
  return &found->second;
}

absl::Status StageLoop::Pause(const std::vector<int32_t>& partitions) {
  return commands_.Do([this, partitions] {
    return ForEach(partitions, [this](int32_t number, OwnedPartition& partition) {
      Close(number, partition);
      partition.Paused();
    });
  });
}

absl::Status StageLoop::Resume(const std::vector<int32_t>& partitions) {
  return commands_.Do([this, partitions] {
    // A drained partition is open but reads nothing: only opening it again starts its input.
    const bool drained = std::exchange(draining_, false);
    if (drained) {
      SLUICE_RETURN_IF_ERROR(ForEach(
          {}, [this](int32_t number, OwnedPartition& partition) { Close(number, partition); }));
    }
    return ForEach(partitions, [](int32_t, OwnedPartition& partition) {
      if (!partition.IsOpen()) partition.OpenAtOnce();
    });
  });
}

absl::Status StageLoop::Drain() {
  return commands_.Do([this] {
    draining_ = true;
    return ForEach({}, [this](int32_t number, OwnedPartition& partition) {
      if (partition.IsOpen()) input_->StopFetching(number);
    });
  });
}

absl::StatusOr<service::SeekResult> StageLoop::Seek(int32_t number, int64_t offset, bool dry_run) {
  return commands_.Ask<service::SeekResult>(
      [this, number, offset, dry_run]() -> absl::StatusOr<service::SeekResult> {
        SLUICE_ASSIGN_OR_RETURN(OwnedPartition * partition, Find(number));
        if (partition->state() != PartitionState::kPaused) {
          return absl::FailedPreconditionError("pause the partition first: sluicectl pause");
        }
        // Opening tells whether that offset can be gone back to.
        SLUICE_RETURN_IF_ERROR(worker_->Open(number, std::nullopt).status());
        service::PartitionStatus now;
        worker_->Describe(number, &now);
        worker_->Close(number);
        SLUICE_RETURN_IF_ERROR(worker_->Open(number, offset).status());
        worker_->Close(number);
        if (!dry_run) partition->RewindTo(offset);
        return service::SeekResult{now.next, offset};
      });
}

absl::StatusOr<service::SeekResult> StageLoop::Repair(int32_t number, int64_t from, bool dry_run) {
  return commands_.Ask<service::SeekResult>(
      [this, number, from, dry_run]() -> absl::StatusOr<service::SeekResult> {
        SLUICE_ASSIGN_OR_RETURN(OwnedPartition * partition, Find(number));
        if (!partition->IsOpen())
          return absl::FailedPreconditionError("the partition is not running");
        service::PartitionStatus now;
        worker_->Describe(number, &now);
        const service::SeekResult result{now.next, from};
        if (from >= now.next) {
          return absl::OutOfRangeError(
              Concat("repair goes back, not forward: position=", now.next, " from=", from));
        }
        if (dry_run) return result;
        Close(number, *partition);
        partition->RewindTo(from);
        Open(number, *partition);
        if (partition->IsOpen()) return result;
        return absl::FailedPreconditionError(partition->error());
      });
}

absl::StatusOr<service::SeekResult> StageLoop::AcceptLoss(int32_t number, bool dry_run) {
  return commands_.Ask<service::SeekResult>([this, number,
                                             dry_run]() -> absl::StatusOr<service::SeekResult> {
    SLUICE_ASSIGN_OR_RETURN(OwnedPartition * partition, Find(number));
    if (partition->IsOpen()) {
      return absl::FailedPreconditionError("the partition is running: there is no loss to accept");
    }
    SLUICE_ASSIGN_OR_RETURN(const service::SeekResult result, worker_->AcceptLoss(number, dry_run));
    if (!dry_run) partition->OpenAtOnce();
    return result;
  });
}

absl::StatusOr<service::BreakerReset> StageLoop::ResetBreaker(
    int32_t number, const service::BreakerResetRequest& request) {
  return commands_.Ask<service::BreakerReset>([this, number,
                                               request]() -> absl::StatusOr<service::BreakerReset> {
    SLUICE_ASSIGN_OR_RETURN(OwnedPartition * partition, Find(number));
    if (partition->state() != PartitionState::kTripped)
      return absl::FailedPreconditionError("the breaker of this partition is not open");
    SLUICE_ASSIGN_OR_RETURN(service::BreakerReset reset, worker_->ResetBreaker(number, request));
    if (request.dry_run) return reset;
    partition->Recovered();
    partition->OpenAtOnce();
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
  return commands_.Ask<service::ReloadResult>([this] { return worker_->ReloadContract(); });
}

}  // namespace sluice::stage
