#include "kafka/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "kafka/client_internal.h"

namespace sluice::kafka {

Waker::Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) {
    std::perror("eventfd");
    std::abort();
  }
}

Waker::~Waker() { close(fd_); }

void Waker::Signal() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the waiter is going to wake up anyway.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

void Waker::Wait(absl::Duration timeout) {
  pollfd waited{fd_, POLLIN, 0};
  // Interrupted by a signal handler: return, so that the caller can see what the handler has set.
  if (poll(&waited, 1, internal::ToTimeoutMs(timeout)) <= 0) return;
  uint64_t signals;
  [[maybe_unused]] const ssize_t got = read(fd_, &signals, sizeof(signals));
}

}  // namespace sluice::kafka
