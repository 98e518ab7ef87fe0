#pragma once
// One wake-up for one thread: every client of a stage signals the same Waker when it has something,
// so that the stage's thread sleeps in one place only.

#include "absl/time/time.h"

namespace sluice::kafka {

/// An eventfd. Signal is safe from any thread; Wait is for the owning thread.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// Wake the waiter, now or at its next Wait.
  void Signal();
  /// Sleep until signalled or until `timeout` has passed, and consume the signals.
  void Wait(absl::Duration timeout);
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace sluice::kafka
