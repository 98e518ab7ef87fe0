#pragma once
// What a loop last said of itself, for whoever asks meanwhile.

#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/strings.h"
#include "service/pipeline_control.h"

namespace sluice::stage {

/// Written by the loop's thread, read by any.
class PublishedStatus {
 public:
  PublishedStatus() { status_.state = "starting"; }

  /// `ready`: OK, or why the stage is not ready.
  void Publish(service::PipelineStatus status, absl::Status ready) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    ready_ = std::move(ready);
    SayWhatFailed();
  }
  /// The stage has failed for good: the process will end. Later failures change nothing.
  void Fail(const absl::Status& failure) {
    const std::lock_guard lock(mutex_);
    failure_.Update(failure);
    SayWhatFailed();
  }

  service::PipelineStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  absl::Status ready() const {
    const std::lock_guard lock(mutex_);
    return ready_;
  }
  absl::Status failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  void SayWhatFailed() {
    if (failure_.ok()) return;
    status_.state = "failed";
    status_.error = std::string(StdView(failure_.message()));
    ready_ = failure_;
  }

  mutable std::mutex mutex_;
  service::PipelineStatus status_;                           // guarded by mutex_
  absl::Status ready_ = absl::UnavailableError("starting");  // guarded by mutex_
  absl::Status failure_;                                     // guarded by mutex_
};

}  // namespace sluice::stage
