#include "postgres/connection.h"

#include <gtest/gtest.h>

#include <fstream>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "postgres/sql_state.h"
#include "postgres/test_server.h"

namespace sluice::postgres {
namespace {

// One server for all tests of the program.
TestServer* Server() {
  static const std::unique_ptr<TestServer> server = [] {
    auto started = TestServer::Start();
    if (!started.ok()) ADD_FAILURE() << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }();
  return server.get();
}

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(Server(), nullptr);
    connection_ = Open();
    ASSERT_NE(connection_, nullptr);
    ASSERT_TRUE(
        connection_->Exec("DROP TABLE IF EXISTS t; CREATE TABLE t (id bigint, name text)").ok());
  }

  static std::unique_ptr<Connection> Open(const ConnectionOptions& options = {}) {
    auto connection = Connection::Connect(Server()->url(), "connection_test", options);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *std::move(connection) : nullptr;
  }

  std::unique_ptr<Connection> connection_;
};

// One row (id, name) in binary COPY format.
std::string CopyRow(int64_t id, const std::string& name) {
  std::string row("\0\2\0\0\0\10", 6);
  for (int shift = 56; shift >= 0; shift -= 8) row += static_cast<char>(id >> shift);
  for (int shift = 24; shift >= 0; shift -= 8) row += static_cast<char>(name.size() >> shift);
  return row + name;
}
const std::string kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
const std::string kCopyTrailer("\377\377", 2);

TEST_F(ConnectionTest, QueriesWithParameters) {
  auto result =
      connection_->Query("SELECT $1::int + 1, $2::text, $3::text", {"41", "it's", std::nullopt});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->rows(), 1);
  EXPECT_EQ(result->Integer(0, 0), 42);
  EXPECT_EQ(result->Text(0, 1), "it's");
  EXPECT_TRUE(result->IsNull(0, 2));
  EXPECT_EQ(result->OptionalInteger(0, 2), std::nullopt);
}

TEST_F(ConnectionTest, PreparedStatementsAreReused) {
  for (int i = 0; i < 3; ++i) {
    auto result = connection_->QueryPrepared("SELECT $1::int * 2", {Concat(i)});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->Integer(0, 0), 2 * i);
  }
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM pg_prepared_statements")->Integer(0, 0), 1);
}

TEST_F(ConnectionTest, ErrorsKeepTheSessionAndNameTheState) {
  const absl::Status status = connection_->Exec("SELECT 1/0").status();
  EXPECT_EQ(SqlState(status), "22012");
  EXPECT_TRUE(connection_->alive());
  EXPECT_EQ(connection_->Exec("SELECT * FROM nowhere").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(connection_->Exec("SELECT 1").ok());
}

TEST_F(ConnectionTest, MessagesHoldNoRowValues) {
  ASSERT_TRUE(connection_
                  ->Exec("CREATE TABLE IF NOT EXISTS u (id int UNIQUE); TRUNCATE u; INSERT INTO u "
                         "VALUES (77123)")
                  .ok());
  const absl::Status status = connection_->Exec("INSERT INTO u VALUES (77123)").status();
  EXPECT_EQ(SqlState(status), "23505");
  EXPECT_EQ(status.message().find("77123"), std::string::npos) << status;
}

TEST_F(ConnectionTest, CopiesManyChunks) {
  ASSERT_TRUE(connection_->CopyBegin("BEGIN; COPY t FROM STDIN (FORMAT binary)").ok());
  std::string data = kCopyHeader;
  const std::string name(1000, 'x');
  for (int64_t id = 0; id < 3000; ++id)
    data += CopyRow(id, name);  // 3 MB: far beyond the socket's buffer
  ASSERT_TRUE(connection_->CopyPut(data).ok());
  ASSERT_TRUE(connection_->CopyPut(kCopyTrailer).ok());
  auto count = connection_->CopyEnd();
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 3000);
  EXPECT_TRUE(connection_->in_transaction());
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(connection_->Exec("SELECT sum(id)::bigint FROM t")->Integer(0, 0), 3000 * 2999 / 2);
}

TEST_F(ConnectionTest, ADataErrorShowsAtTheEndOfACopy) {
  ASSERT_TRUE(connection_->CopyBegin("BEGIN; COPY t FROM STDIN (FORMAT binary)").ok());
  ASSERT_TRUE(connection_->CopyPut(kCopyHeader + CopyRow(1, "bad \xff utf-8") + kCopyTrailer).ok());
  const absl::Status status = connection_->CopyEnd().status();
  EXPECT_EQ(SqlState(status), "22021");
  EXPECT_TRUE(IsDataError(status));
  EXPECT_TRUE(connection_->in_transaction());
  // COMMIT of a failed transaction must not look like success.
  EXPECT_EQ(connection_->Commit().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(connection_->in_transaction());
}

TEST_F(ConnectionTest, RollbackEndsAnOpenCopy) {
  ASSERT_TRUE(connection_->CopyBegin("BEGIN; COPY t FROM STDIN (FORMAT binary)").ok());
  ASSERT_TRUE(connection_->CopyPut(kCopyHeader + CopyRow(1, "a")).ok());
  ASSERT_TRUE(connection_->Rollback().ok());
  EXPECT_FALSE(connection_->in_transaction());
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM t")->Integer(0, 0), 0);
}

TEST_F(ConnectionTest, ATerminatedSessionIsUnavailable) {
  auto other = Open();
  ASSERT_TRUE(
      other->Exec(Concat("SELECT pg_terminate_backend(", connection_->backend_pid(), ", 5000)"))
          .ok());
  const absl::Status status = connection_->Exec("SELECT 1").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_FALSE(connection_->alive());
  EXPECT_EQ(connection_->Exec("SELECT 1").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, AFrozenServerDoesNotHoldTheThread) {
  ConnectionOptions options;
  options.connect_timeout = absl::Milliseconds(200);
  options.wait_timeout = absl::Milliseconds(200);
  auto connection = Open(options);
  Server()->Freeze();
  const absl::Time start = absl::Now();
  const absl::Status query = connection->Exec("SELECT 1").status();
  const absl::Status connect =
      Connection::Connect(Server()->url(), "connection_test", options).status();
  const absl::Duration took = absl::Now() - start;
  Server()->Thaw();
  EXPECT_EQ(query.code(), absl::StatusCode::kUnavailable) << query;
  EXPECT_EQ(connect.code(), absl::StatusCode::kUnavailable) << connect;
  EXPECT_FALSE(connection->alive());
  EXPECT_LT(took, absl::Seconds(5));
}

TEST_F(ConnectionTest, AFrozenTransactionReleasesItsLocks) {
  ConnectionOptions frozen_options;
  frozen_options.idle_in_transaction_timeout = absl::Milliseconds(100);
  auto frozen = Open(frozen_options);
  ASSERT_TRUE(connection_->Exec("INSERT INTO t VALUES (1, 'a')").ok());
  ASSERT_TRUE(frozen->Exec("BEGIN; UPDATE t SET name = 'b'").ok());
  EXPECT_TRUE(connection_->Exec("UPDATE t SET name = 'c'")
                  .ok());  // waits for the lock until the server ends the other
  EXPECT_EQ(frozen->Commit().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(connection_->Exec("SELECT name FROM t")->Text(0, 0), "c");
}

TEST_F(ConnectionTest, ALockThatIsNotGrantedIsUnavailable) {
  ConnectionOptions options;
  options.lock_timeout = absl::Milliseconds(50);
  auto waiter = Open(options);
  ASSERT_TRUE(connection_->Exec("BEGIN; LOCK TABLE t").ok());
  const absl::Status status = waiter->Exec("INSERT INTO t VALUES (1, 'a')").status();
  EXPECT_EQ(SqlState(status), "55P03");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(waiter->alive());
}

TEST_F(ConnectionTest, RefusalsAreToldFromOutages) {
  EXPECT_EQ(Connection::Connect("postgresql://u:secret@/db", "t").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Connection::Connect("postgresql://u:secret@/db", "t").status().message().find("secret"),
            std::string::npos);
  EXPECT_EQ(Connection::Connect("postgresql://%zz", "t").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Connection::Connect("host=/nonexistent dbname=x", "t").status().code(),
            absl::StatusCode::kUnavailable);
  const absl::Status unknown =
      Connection::Connect(Server()->url() + "&dbname=nowhere", "t").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kFailedPrecondition) << unknown;
  EXPECT_EQ(SqlState(unknown), "3D000");
}

TEST_F(ConnectionTest, SurvivesARestartByANewSession) {
  ASSERT_TRUE(connection_->Exec("INSERT INTO t VALUES (1, 'a')").ok());
  ASSERT_TRUE(Server()->Restart().ok());
  EXPECT_EQ(connection_->Exec("SELECT 1").status().code(), absl::StatusCode::kUnavailable);
  auto again = Open();
  EXPECT_EQ(again->Exec("SELECT count(*) FROM t")->Integer(0, 0), 1);
}

TEST(Quote, IdentifiersAndLiterals) {
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteLiteral("it's \\ fine"), " E'it''s \\\\ fine'");
}

}  // namespace
}  // namespace sluice::postgres
