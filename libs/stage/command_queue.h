#pragma once
// Requests of other threads to the one that owns the state they are about.

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "kafka/waker.h"

namespace sluice::stage {

/// Ask and Do are for any thread but the owner's. A request is short: operators wait for few.
class CommandQueue {
 public:
  /// `waker` wakes the owner, and must outlive the queue. `timeout`: how long who asks waits.
  explicit CommandQueue(kafka::Waker* waker, absl::Duration timeout = absl::Seconds(10))
      : waker_(waker), timeout_(timeout) {}

  /// Have `act` run by the owner, and wait for its answer. kDeadlineExceeded: it has not come to it
  /// yet, but will. kUnavailable: it carries out nothing any more.
  template <typename Answer>
  absl::StatusOr<Answer> Ask(std::function<absl::StatusOr<Answer>()> act) {
    // Shared with the owner, who may come to it only after the caller has given up.
    auto answer = std::make_shared<std::promise<absl::StatusOr<Answer>>>();
    std::future<absl::StatusOr<Answer>> future = answer->get_future();
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return absl::UnavailableError("the stage has stopped");
      commands_.push_back([act = std::move(act), answer] { answer->set_value(act()); });
    }
    waker_->Signal();
    if (future.wait_for(absl::ToChronoMilliseconds(timeout_)) != std::future_status::ready) {
      return absl::DeadlineExceededError(
          "the stage is busy; the request will be carried out later");
    }
    return future.get();
  }
  /// The same without an answer.
  absl::Status Do(std::function<absl::Status()> act) {
    return Ask<bool>([act = std::move(act)]() -> absl::StatusOr<bool> {
             SLUICE_RETURN_IF_ERROR(act());
             return true;
           })
        .status();
  }

  /// The owner: carry out what has been asked.
  void RunAll() {
    std::vector<std::function<void()>> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
    }
    for (const auto& command : commands) command();
  }
  /// The owner: take nothing more.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  kafka::Waker* const waker_;
  const absl::Duration timeout_;
  std::mutex mutex_;
  std::vector<std::function<void()>> commands_;  // guarded by mutex_
  bool closed_ = false;                          // guarded by mutex_
};

}  // namespace sluice::stage
