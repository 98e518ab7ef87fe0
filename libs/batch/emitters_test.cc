// Every interleaving of a few emitters of one stage, searched exhaustively.

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "batch/coverage.h"
#include "batch/log_for_test.h"
#include "gtest/gtest.h"

namespace sluice::batch {
namespace {

/// The mistake of the older design: two batches under way, and the second may be stored though the
/// first has failed.
class TwoInFlight {
 public:
  explicit TwoInFlight(Offset end) : sent_(end) {}
  Offset sent() const { return sent_; }
  bool MaySend(const Range& batch) const { return unacknowledged_ < 2 && batch.first <= sent_; }
  void Sent(const Range& batch) { sent_ = batch.next, ++unacknowledged_; }
  void Acknowledged() { --unacknowledged_; }

 private:
  Offset sent_;
  int unacknowledged_ = 0;
};

struct Outcome {
  int64_t states = 0;
  std::string wrong;  // "" when no state is
  std::string trace;
};

/// Breadth-first over every reachable state of `kEmitters` incarnations of one stage and their
/// output log.
///   * Each may begin at any time, at the end of the last batch in the log or anywhere before it,
///   and stand still for ever: all
///     earlier ones go on beside it, as zombies do. The last one is not allowed to fail.
///   * A request is stored; or stored with the reply lost, so that it is stored again (once in a
///   run); or lost for good: then
///     its emitter sends nothing more, but what is under way behind the lost request may still
///     arrive.
template <typename EmitterType>
class Model {
 public:
  /// Without `keep_log` the state holds only what the emitters and law 2 depend on, so more of them
  /// can be searched.
  Model(Offset records, size_t emitters, bool keep_log)
      : records_(records), emitters_(emitters), keep_log_(keep_log) {}

  Outcome Search() {
    State start;
    start.emitters.resize(emitters_);
    Visit(std::move(start));
    while (!queue_.empty() && outcome_.wrong.empty()) {
      const State state = std::move(queue_.front());
      queue_.pop_front();
      Expand(state);
    }
    return outcome_;
  }

 private:
  struct Incarnation {
    bool begun = false;
    bool stopped = false;
    EmitterType emitter{0};
    std::vector<Range> requests;  // oldest first
  };
  struct State {
    std::vector<Incarnation> emitters;
    std::vector<Logged> log;
    Offset accepted = 0;  // where the accept rule stands at the end of the log
    Offset last_end = 0;  // of the last batch in the log
    bool stored_twice = false;
  };

  std::string Key(const State& state) const {
    std::string key{static_cast<char>(state.accepted), static_cast<char>(state.last_end),
                    static_cast<char>(state.stored_twice)};
    for (const Incarnation& one : state.emitters) {
      key.push_back(static_cast<char>(one.begun + 2 * one.stopped + 4 * one.requests.size()));
      key.push_back(static_cast<char>(one.emitter.sent()));
      for (const Range& request : one.requests)
        key.append({static_cast<char>(request.first), static_cast<char>(request.next)});
    }
    if (keep_log_) {
      for (const Logged& batch : state.log) {
        key.append({static_cast<char>(batch.range.first), static_cast<char>(batch.range.next),
                    static_cast<char>(batch.by)});
      }
    }
    return key;
  }

  void Fail(const State& state, std::string wrong) {
    outcome_.wrong = std::move(wrong);
    outcome_.trace = Print(state.log);
  }

  void Visit(State state) {
    if (!outcome_.wrong.empty() || !seen_.insert(Key(state)).second) return;
    ++outcome_.states;
    const Incarnation& last = state.emitters.back();
    if (last.begun && last.requests.empty() && last.emitter.sent() == records_ &&
        state.accepted != records_) {
      return Fail(state, "the last emitter is done, and not everything is accepted");
    }
    queue_.push_back(std::move(state));
  }

  void Expand(const State& state) {
    for (size_t i = 0; i < emitters_; ++i) {
      const Incarnation& one = state.emitters[i];
      if (!one.begun) {
        for (Offset from = 0; from <= state.last_end; ++from) {
          State began = state;
          began.emitters[i].begun = true;
          began.emitters[i].emitter = EmitterType(from);
          Visit(std::move(began));
        }
        break;  // they take over in order
      }
      for (Offset next = one.emitter.sent() + 1; !one.stopped && next <= records_; ++next)
        Send(state, i, next);
      if (!one.requests.empty()) Store(state, i);
      if (!one.requests.empty() && i + 1 < emitters_) {
        State lost = state;
        lost.emitters[i].requests.erase(lost.emitters[i].requests.begin());
        lost.emitters[i].stopped = true;
        Visit(std::move(lost));
      }
    }
  }

  void Send(const State& state, size_t i, Offset next) {
    const Range batch{state.emitters[i].emitter.sent(), next};
    if (!state.emitters[i].emitter.MaySend(batch)) return;
    State sent = state;
    sent.emitters[i].emitter.Sent(batch);
    sent.emitters[i].requests.push_back(batch);
    Visit(std::move(sent));
  }

  void Store(const State& state, size_t i) {
    State stored = state;
    const Range batch = stored.emitters[i].requests.front();
    if (keep_log_ || batch.first > state.accepted)
      stored.log.push_back({batch, static_cast<int>(i)});
    if (batch.first > state.accepted)
      return Fail(stored, "law 2 is broken: a batch begins beyond the accepted end");
    stored.accepted = std::max(state.accepted, batch.next);
    stored.last_end = batch.next;
    if (keep_log_) {
      if (std::string wrong = Wrong(stored.log); !wrong.empty())
        return Fail(stored, std::move(wrong));
    }
    if (!state.stored_twice) {
      State again = stored;  // the request stays under way
      again.stored_twice = true;
      Visit(std::move(again));
    }
    stored.emitters[i].emitter.Acknowledged();
    stored.emitters[i].requests.erase(stored.emitters[i].requests.begin());
    Visit(std::move(stored));
  }

  const Offset records_;
  const size_t emitters_;
  const bool keep_log_;
  std::deque<State> queue_;
  std::unordered_set<std::string> seen_;
  Outcome outcome_;
};

TEST(Emitters, TwoOfThemEveryInterleavingEveryReader) {
  const Outcome outcome = Model<Emitter>(4, 2, /*keep_log=*/true).Search();
  EXPECT_EQ(outcome.wrong, "") << outcome.trace;
  EXPECT_GT(outcome.states, 10'000);
  RecordProperty("states", static_cast<int>(outcome.states));
}

TEST(Emitters, ThreeOfThemKeepLaw2) {
  const Outcome outcome = Model<Emitter>(4, 3, /*keep_log=*/false).Search();
  EXPECT_EQ(outcome.wrong, "") << outcome.trace;
  EXPECT_GT(outcome.states, 10'000);
  RecordProperty("states", static_cast<int>(outcome.states));
}

// The tests above can fail: with one thing done wrong, they do.
TEST(Mistakes, TwoBatchesInFlightLeaveAGap) {
  const Outcome outcome = Model<TwoInFlight>(4, 2, /*keep_log=*/false).Search();
  EXPECT_EQ(outcome.wrong, "law 2 is broken: a batch begins beyond the accepted end");
}

}  // namespace
}  // namespace sluice::batch
