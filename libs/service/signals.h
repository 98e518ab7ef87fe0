#pragma once
// SIGTERM and SIGINT, as events: the first asks for a graceful stop, a second one ends the process
// at once.

#include <thread>

#include "absl/time/time.h"

namespace sluice::service {

/// Blocks both signals for the calling thread and all threads it starts later, so that they arrive
/// here only. One per process, made before any other thread.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal's number, or 0 when none came within `timeout`.
  int Wait(absl::Duration timeout);
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// While it lives the process stops: another signal, or `limit` passing, ends it with exit code 1
/// without further ado.
class StopGuard {
 public:
  StopGuard(const StopSignals& signals, absl::Duration limit);
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

 private:
  void Watch(absl::Time deadline) const;

  int signals_fd_;
  int done_fd_;
  std::thread thread_;
};

}  // namespace sluice::service
