#include "service/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"

namespace sluice::service {
namespace {

TEST(StopSignalsDeathTest, TheFirstSignalIsAnEvent) {
  EXPECT_EXIT(
      {
        StopSignals signals;
        kill(getpid(), SIGTERM);
        std::exit(signals.Wait(absl::Seconds(10)) == SIGTERM &&
                          signals.Wait(absl::ZeroDuration()) == 0
                      ? 0
                      : 3);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(StopGuardDeathTest, ASecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        StopSignals signals;
        const StopGuard guard(signals, absl::Seconds(100));
        kill(getpid(), SIGINT);
        absl::SleepFor(absl::Seconds(100));
      },
      ::testing::ExitedWithCode(1), "told to stop again");
}

TEST(StopGuardDeathTest, AStopThatHangsIsEnded) {
  EXPECT_EXIT(
      {
        StopSignals signals;
        const StopGuard guard(signals, absl::Milliseconds(50));
        absl::SleepFor(absl::Seconds(100));
      },
      ::testing::ExitedWithCode(1), "takes too long");
}

TEST(StopGuardDeathTest, AStopInTimeIsLeftAlone) {
  EXPECT_EXIT(
      {
        StopSignals signals;
        { const StopGuard guard(signals, absl::Seconds(100)); }
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::service
