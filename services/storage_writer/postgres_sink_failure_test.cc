// What the PostgreSQL sink does when it is not alone, or the database is not there.

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "batch/batch_for_test.h"
#include "storage_writer/postgres_sink_fixture_for_test.h"

namespace sluice::storage_writer {
namespace {

using testing::ElementsAre;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

class PostgresSinkFailureTest : public PostgresSinkFixture {
 protected:
  /// Offsets in the table, as "count|min|max|distinct".
  std::string Landed() {
    return Rows(
               "SELECT count(*), min(kafka_offset), max(kafka_offset), count(DISTINCT "
               "kafka_offset) FROM good")
        .front();
  }
  void EndSessions(const std::string& instance) {
    Run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = "
        "'sluice-storage-writer/" +
        instance + "'");
  }
};

TEST_F(PostgresSinkFailureTest, AZombieCommitsNothing) {
  auto zombie = ReadySink("zombie");
  ASSERT_TRUE(zombie->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(zombie->Commit().ok());
  ASSERT_TRUE(zombie->Append(CleanBatch(10, 30)).ok());

  auto owner = ReadySink("owner");
  ASSERT_TRUE(owner->Append(CleanBatch(10, 20)).ok());
  ASSERT_TRUE(owner->Commit().ok());

  EXPECT_EQ(CommitStatus(*zombie).code(), kAborted);
  EXPECT_EQ(Landed(), "20|0|19|20");
  EXPECT_EQ(One("SELECT count(*) FROM sluice.ledger"), "2");
  // Also when the successor has not committed yet: the epoch alone fences.
  auto third = ReadySink("third");
  ASSERT_TRUE(owner->Append(CleanBatch(20, 30)).ok());
  EXPECT_EQ(CommitStatus(*owner).code(), kAborted);
  // It may take over again, and goes on where the data is.
  const auto position = zombie->TakeOver("raw", 0);
  ASSERT_TRUE(position.ok() && position->has_value());
  EXPECT_EQ((*position)->next, 20);
  EXPECT_EQ((*position)->topic_id, "id-1");
  EXPECT_EQ((*position)->hint, 1);
  ASSERT_TRUE(zombie->Append(CleanBatch(20, 25)).ok());
  EXPECT_TRUE(zombie->Commit().ok());
  EXPECT_EQ(Landed(), "25|0|24|25");
}

TEST_F(PostgresSinkFailureTest, AllPartitionsOfACommitOrNone) {
  auto sink = ReadySink("a");
  for (int32_t partition = 1; partition < 4; ++partition)
    ASSERT_TRUE(sink->TakeOver("raw", partition).ok());
  for (int32_t partition = 0; partition < 4; ++partition)
    ASSERT_TRUE(sink->Append(CleanBatch(0, 10, partition)).ok());
  ASSERT_TRUE(NewSink("b")->TakeOver("raw", 2).ok());
  EXPECT_EQ(CommitStatus(*sink).code(), kAborted);
  EXPECT_EQ(One("SELECT count(*) FROM good"), "0");
  EXPECT_EQ(One("SELECT count(*) FROM sluice.coverage WHERE next_offset IS NOT NULL"), "0");
  EXPECT_EQ(One("SELECT count(*) FROM sluice.ledger"), "0");
}

TEST_F(PostgresSinkFailureTest, APositionMovedByHandIsNotOverwritten) {
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  ASSERT_TRUE(sink->Append(CleanBatch(10, 20)).ok());
  Run("UPDATE sluice.coverage SET next_offset = 5");
  EXPECT_EQ(CommitStatus(*sink).code(), kAborted);
  EXPECT_EQ(One("SELECT next_offset FROM sluice.coverage"), "5");
}

TEST_F(PostgresSinkFailureTest, TakeOverWaitsForACommitUnderWayAndIsBounded) {
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  options_.connection.lock_timeout = absl::Milliseconds(50);
  auto successor = NewSink("b");
  Run("BEGIN; UPDATE sluice.coverage SET next_offset = 20; "
      "UPDATE sluice.ledger SET next_offset = 20");
  EXPECT_EQ(successor->TakeOver("raw", 0).status().code(), kUnavailable);
  options_.connection.lock_timeout = absl::Seconds(20);
  auto patient = NewSink("c");
  absl::StatusOr<std::optional<stage::SinkPosition>> position;
  std::thread thread([&] { position = patient->TakeOver("raw", 0); });
  auto watcher = postgres::Connection::Connect(url_, "watcher");
  ASSERT_TRUE(watcher.ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (absl::Now() < deadline &&
         (*watcher)
                 ->Exec("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                 ->Integer(0, 0) == 0) {
  }
  Run("COMMIT");
  thread.join();
  ASSERT_TRUE(position.ok() && position->has_value()) << position.status();
  EXPECT_EQ((*position)->next, 20);
}

TEST_F(PostgresSinkFailureTest, APositionThatTheLedgerContradictsIsRefused) {
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  for (const char* hand :
       {"DELETE FROM sluice.coverage", "UPDATE sluice.coverage SET next_offset = 9",
        "UPDATE sluice.coverage SET next_offset = 11"}) {
    Run(hand);
    const absl::Status refused = sink->TakeOver("raw", 0).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << hand;
    EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr("set next_offset to 10"));
    Run("UPDATE sluice.coverage SET next_offset = 10, origin = 0");
    EXPECT_TRUE(sink->TakeOver("raw", 0).ok()) << hand;
  }
}

TEST_F(PostgresSinkFailureTest, ASessionLostInTheMiddleOfATransaction) {
  options_.stream_at_bytes = 0;
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 100)).ok());
  EndSessions("a");
  EXPECT_EQ(CommitStatus(*sink).code(), kUnavailable);
  EXPECT_EQ(sink->pending_rows(), 0);
  EXPECT_EQ(One("SELECT count(*) FROM good"), "0");
  const auto position = sink->TakeOver("raw", 0);  // by a new session
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_FALSE(position->has_value());
  ASSERT_TRUE(sink->Append(CleanBatch(0, 100)).ok());
  const auto receipt = sink->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(Landed(), "100|0|99|100");
}

TEST_F(PostgresSinkFailureTest, StartsWithoutADatabaseAndConnectsLater) {
  const std::string url = url_;
  url_ = "host=/nonexistent dbname=x";
  auto early = NewSink();
  EXPECT_EQ(early->Ping().code(), kUnavailable);
  EXPECT_EQ(early->Prepare(*contract_).code(), kUnavailable);
  EXPECT_EQ(early->TakeOver("raw", 0).status().code(), kUnavailable);
  url_ = url;
  auto sink = ReadySink();
  EXPECT_TRUE(sink->Ping().ok());
  Server()->StopNow();
  EXPECT_EQ(sink->Ping().code(), kUnavailable);
  EXPECT_EQ(sink->TakeOver("raw", 0).status().code(), kUnavailable);
  ASSERT_TRUE(Server()->Restart().ok());
  EXPECT_TRUE(sink->Ping().ok());
  ASSERT_TRUE(sink->TakeOver("raw", 0).ok());
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  EXPECT_TRUE(sink->Commit().ok());
  sink = nullptr;
  connection_ = *postgres::Connection::Connect(url_, "test");
  EXPECT_EQ(Landed(), "10|0|9|10");
}

TEST_F(PostgresSinkFailureTest, AReadOnlyServerIsRetried) {
  auto sink = ReadySink();
  Run("ALTER DATABASE " + One("SELECT current_database()") +
      " SET default_transaction_read_only = on");
  EndSessions("a");
  EXPECT_EQ(sink->TakeOver("raw", 0).status().code(), kUnavailable);
  EXPECT_EQ(sink->TakeOver("raw", 0).status().code(), kUnavailable);
}

TEST_F(PostgresSinkFailureTest, WhatWasAppendedBeforeATakeOverIsNotCommittedAfterIt) {
  auto sink = ReadySink();
  ASSERT_TRUE(sink->TakeOver("raw", 1).ok());
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10, 1)).ok());
  ASSERT_TRUE(sink->TakeOver("raw", 0).ok());
  EXPECT_EQ(sink->pending_rows(), 10);
  ASSERT_TRUE(sink->Append(CleanBatch(0, 7)).ok());
  sink->Release(1);
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(Landed(), "7|0|6|7");
}

TEST_F(PostgresSinkFailureTest, AbandonDropsWhatWasAppended) {
  options_.stream_at_bytes = 0;
  auto sink = ReadySink();
  ASSERT_TRUE(sink->Append(CleanBatch(0, 10)).ok());
  sink->Abandon();
  EXPECT_EQ(sink->pending_rows(), 0);
  ASSERT_TRUE(sink->Append(CleanBatch(0, 5)).ok());
  ASSERT_TRUE(sink->TakeOver("raw", 1).ok());  // in the middle of a transaction: begun again later
  ASSERT_TRUE(sink->Append(CleanBatch(0, 3, 1)).ok());
  ASSERT_TRUE(sink->Commit().ok());
  EXPECT_EQ(One("SELECT count(*) FROM good"), "8");
}

TEST_F(PostgresSinkFailureTest, ASessionFrozenInsideACopyDoesNotHoldUpNewPartitions) {
  options_.stream_at_bytes = 0;
  options_.stuck_after = absl::ZeroDuration();
  auto frozen = ReadySink("frozen");
  // One row for the default partition, and enough of them for the server to have read some.
  std::vector<SinkRow> rows = CleanRows(0, 4000);
  rows[0].day = std::nullopt;
  rows[0].car = std::string(100'000, 'x');
  ASSERT_TRUE(frozen->Append(Batch(0, 4000, rows)).ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (absl::Now() < deadline &&
         One("SELECT count(*) FROM pg_locks WHERE relation = 'good_default'::regclass") == "0") {
  }
  auto owner = ReadySink("owner");
  std::vector<SinkRow> next_day = CleanRows(0, 10);
  for (SinkRow& row : next_day) row.day = kDay20240131 + 1;
  ASSERT_TRUE(owner->Append(Batch(0, 10, next_day)).ok());
  const auto receipt = owner->Commit();
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(One("SELECT count(*) FROM good_p20240201"), "10");
  EXPECT_EQ(CommitStatus(*frozen).code(), kUnavailable);
}

TEST_F(PostgresSinkFailureTest, NewPartitionsDoNotWaitForOtherWriters) {
  options_.stream_at_bytes = 0;
  auto busy = ReadySink("busy");
  ASSERT_TRUE(busy->Append(CleanBatch(0, 4000)).ok());  // its COPY stays open
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (absl::Now() < deadline &&
         One("SELECT count(*) FROM pg_locks WHERE relation = 'good_p20240131'::regclass") == "0") {
  }
  auto other = NewSink("other");
  ASSERT_TRUE(other->TakeOver("raw", 1).ok());
  std::vector<SinkRow> next_day = CleanRows(0, 10);
  for (SinkRow& row : next_day) row.day = kDay20240131 + 1;
  const absl::Time start = absl::Now();
  ASSERT_TRUE(other->Append(Batch(0, 10, next_day, 1)).ok());
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(1900));  // two waits for a lock
  EXPECT_TRUE(other->Commit().ok());
  EXPECT_TRUE(busy->Commit().ok());
}

TEST_F(PostgresSinkFailureTest, ManyOwnersOfManyPartitionsDoNotBlockEachOther) {
  { auto prepared = ReadySink("first"); }
  std::atomic<int> commits = 0;
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 3; ++worker) {
    threads.emplace_back([&, worker] {
      batch::Random random(static_cast<uint64_t>(worker) + 1);
      auto sink = NewSink(Concat("w", worker));
      for (int round = 0; round < 25; ++round) {
        // Takes some partitions, in any order, and commits them together.
        std::map<int32_t, int64_t> next;
        for (int i = 0; i < 3; ++i) {
          const auto partition = static_cast<int32_t>(random.Below(4));
          const auto position = sink->TakeOver("raw", partition);
          ASSERT_TRUE(position.ok()) << position.status();
          next[partition] = position->has_value() ? (*position)->next : 0;
        }
        for (const auto& [partition, from] : next) {
          ASSERT_TRUE(sink->Append(CleanBatch(from, from + 5, partition)).ok());
        }
        const absl::Status status = CommitStatus(*sink);
        ASSERT_TRUE(status.ok() || status.code() == kAborted) << status;
        if (status.ok()) ++commits;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(commits, 0);
  EXPECT_EQ(One("SELECT coalesce(sum(next_offset), 0) FROM sluice.coverage"),
            One("SELECT count(*) FROM good"));
  EXPECT_EQ(One("SELECT count(*) FROM (SELECT FROM good GROUP BY kafka_partition, kafka_offset "
                "HAVING count(*) > 1) d"),
            "0");
}

// Two incarnations in turn, with crashes at any step: the table is exactly the records below
// `next`, each once.
TEST_F(PostgresSinkFailureTest, RandomLifeIsExactlyOnce) {
  options_.stream_at_bytes = 3000;
  batch::Random random(batch::TestSeed());
  std::array<std::unique_ptr<stage::Sink>, 2> sinks = {ReadySink("0"), ReadySink("1")};
  std::array<int64_t, 2> next = {0, 0};
  for (int step = 0; step < 300; ++step) {
    const auto who = static_cast<size_t>(random.Below(2));
    const int64_t length = 1 + random.Below(20);
    switch (random.Below(12)) {
      case 0: {
        const auto position = sinks[who]->TakeOver("raw", 0);
        if (position.ok()) next[who] = position->has_value() ? (*position)->next : 0;
        break;
      }
      case 1:
        EndSessions(Concat(who));
        break;
      case 2:
        sinks[who]->Abandon();
        next[who] = -1;
        break;
      case 3:
      case 4:
        if (!sinks[who]->Commit().ok()) next[who] = -1;
        break;
      default: {
        if (next[who] < 0) {
          const auto position = sinks[who]->TakeOver("raw", 0);
          if (!position.ok()) break;
          sinks[who]->Abandon();
          next[who] = position->has_value() ? (*position)->next : 0;
        }
        std::vector<SinkRow> rows = CleanRows(next[who], next[who] + length);
        if (random.OneIn(10)) rows[0].car = std::string("\0", 1);
        if (random.OneIn(5)) rows.back().day = kDay20240131 + static_cast<int32_t>(random.Below(7));
        if (sinks[who]->Append(Batch(next[who], next[who] + length, rows)).ok()) {
          next[who] += length;
        } else {
          next[who] = -1;
        }
      }
    }
    if (step % 100 != 99) continue;
    const std::string landed =
        "(SELECT kafka_offset FROM good UNION ALL SELECT kafka_offset FROM sluice.dead_letters) l";
    const std::string end = One("SELECT coalesce(max(next_offset), 0) FROM sluice.coverage");
    EXPECT_EQ(One("SELECT count(*) FROM " + landed), end);
    EXPECT_EQ(One("SELECT count(DISTINCT kafka_offset) FROM " + landed), end);
    EXPECT_EQ(One("SELECT coalesce(sum(next_offset - first_offset), 0) FROM sluice.ledger"), end);
    EXPECT_EQ(One("SELECT coalesce(sum(rows_clean + rejected), 0) FROM sluice.ledger"), end);
  }
  EXPECT_GT(std::stoll(One("SELECT max(next_offset) FROM sluice.coverage")), 100);
}

}  // namespace
}  // namespace sluice::storage_writer
