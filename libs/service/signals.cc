#include "service/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "base/log.h"

namespace sluice::service {
namespace {

int ToPollTimeout(absl::Duration timeout) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 0, 3'600'000));
}

sigset_t StopSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = StopSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a peer that goes away is an error of that call
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignals::~StopSignals() { close(fd_); }

int StopSignals::Wait(absl::Duration timeout) {
  pollfd wait{fd_, POLLIN, 0};
  if (poll(&wait, 1, ToPollTimeout(timeout)) <= 0) return 0;
  signalfd_siginfo info{};
  return read(fd_, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
}

StopGuard::StopGuard(const StopSignals& signals, absl::Duration limit)
    : signals_fd_(signals.fd()), done_fd_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this, deadline = absl::Now() + limit] { Watch(deadline); });
}

StopGuard::~StopGuard() {
  eventfd_write(done_fd_, 1);
  thread_.join();
  close(done_fd_);
}

void StopGuard::Watch(absl::Time deadline) const {
  pollfd waits[] = {{signals_fd_, POLLIN, 0}, {done_fd_, POLLIN, 0}};
  while (absl::Now() < deadline) {
    poll(waits, 2, ToPollTimeout(deadline - absl::Now()) + 1);
    if (waits[1].revents != 0) return;
    if (waits[0].revents != 0) {
      log::Warn("told to stop again: ending at once");
      _exit(1);
    }
  }
  log::Error("the graceful stop takes too long: ending at once");
  _exit(1);
}

}  // namespace sluice::service
