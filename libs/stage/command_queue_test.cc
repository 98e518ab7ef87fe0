#include "stage/command_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::stage {
namespace {

/// The owner: runs what is asked until it is told to end.
class Owner {
 public:
  Owner() : thread_([this] { Run(); }) {}
  ~Owner() { thread_.join(); }

  CommandQueue& commands() { return commands_; }
  std::thread::id id() const { return thread_.get_id(); }
  void End() {
    EXPECT_TRUE(commands_
                    .Do([this] {
                      ended_ = true;
                      return absl::OkStatus();
                    })
                    .ok());
  }

 private:
  void Run() {
    while (!ended_) {
      waker_.Wait(absl::Seconds(10));
      commands_.RunAll();
    }
  }

  kafka::Waker waker_;
  CommandQueue commands_{&waker_};
  bool ended_ = false;  // the owner's thread only
  std::thread thread_;
};

TEST(CommandQueueTest, TheOwnerAnswers) {
  Owner owner;
  const absl::StatusOr<std::thread::id> by = owner.commands().Ask<std::thread::id>(
      [] { return absl::StatusOr<std::thread::id>(std::this_thread::get_id()); });
  ASSERT_TRUE(by.ok()) << by.status();
  EXPECT_EQ(*by, owner.id());
  EXPECT_EQ(owner.commands().Do([] { return absl::NotFoundError("no"); }),
            absl::NotFoundError("no"));
  owner.End();
}

TEST(CommandQueueTest, RequestsAreCarriedOutInOrder) {
  kafka::Waker waker;
  CommandQueue commands(&waker, absl::ZeroDuration());
  std::vector<int> done;
  for (const int i : {1, 2, 3}) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(commands.Do([&done, i] {
      done.push_back(i);
      return absl::OkStatus();
    })));
  }
  EXPECT_TRUE(done.empty()) << "before the owner came to them";
  commands.RunAll();
  EXPECT_EQ(done, (std::vector{1, 2, 3})) << "also when nobody waits any more";
  commands.RunAll();
  EXPECT_EQ(done.size(), 3u) << "once only";
}

TEST(CommandQueueTest, AClosedOneRefusesAtOnce) {
  kafka::Waker waker;
  CommandQueue commands(&waker);
  commands.Close();
  EXPECT_TRUE(absl::IsUnavailable(commands.Do([] { return absl::OkStatus(); })));
}

}  // namespace
}  // namespace sluice::stage
