#include "postgres/migrations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "postgres/test_server.h"

namespace sluice::postgres {
namespace {

std::string TemporaryFolder(const std::vector<std::string>& names) {
  static int count = 0;
  const auto folder = std::filesystem::path(testing::TempDir()) /
                      ("migrations-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  std::filesystem::create_directories(folder);
  for (const std::string& name : names) std::ofstream(folder / name) << "SELECT 1;";
  return folder.string();
}

TEST(LoadMigrations, OrdersAndRefusesGaps) {
  auto loaded = LoadMigrations(TemporaryFolder({"0002_b.sql", "0001_a.sql", "notes.md"}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->size(), 2u);
  EXPECT_EQ((*loaded)[0].name, "0001_a.sql");
  EXPECT_EQ((*loaded)[1].version, 2);
  EXPECT_EQ(LoadMigrations(TemporaryFolder({"0001_a.sql", "0003_c.sql"})).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadMigrations(TemporaryFolder({"0001_a.sql", "0001_b.sql"})).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadMigrations(TemporaryFolder({"1_a.sql"})).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadMigrations("/nonexistent").status().code(), absl::StatusCode::kNotFound);
}

class MigrationsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    connection_ = Open();
  }
  std::unique_ptr<Connection> Open() {
    auto connection = Connection::Connect(server_->url(), "migrations_test");
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(MigrationsTest, AppliesOnceInOrderAndGuardsHistory) {
  std::vector<Migration> migrations = {{1, "0001_a.sql", "CREATE TABLE sluice.a (x int)"}};
  auto applied = ApplyMigrations(*connection_, migrations);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(*applied, std::vector<std::string>{"0001_a.sql"});

  // A failing migration leaves nothing behind, and those before it stay.
  migrations.push_back({2, "0002_b.sql", "ALTER TABLE sluice.a ADD y int; SELECT 1/0"});
  EXPECT_FALSE(ApplyMigrations(*connection_, migrations).ok());
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM sluice.schema_migrations")->Integer(0, 0), 1);
  EXPECT_FALSE(connection_->Exec("SELECT y FROM sluice.a").ok());

  migrations[1].sql = "ALTER TABLE sluice.a ADD y int";
  // Two at once: one of them applies it.
  auto other = Open();
  absl::StatusOr<std::vector<std::string>> theirs;
  std::thread thread([&] { theirs = ApplyMigrations(*other, migrations); });
  auto ours = ApplyMigrations(*connection_, migrations);
  thread.join();
  ASSERT_TRUE(ours.ok() && theirs.ok()) << ours.status() << theirs.status();
  EXPECT_EQ(ours->size() + theirs->size(), 1u);

  std::vector<Migration> edited = migrations;
  edited[0].sql += " ";
  EXPECT_EQ(ApplyMigrations(*connection_, edited).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const std::vector<Migration> older = {migrations[0]};
  EXPECT_EQ(ApplyMigrations(*connection_, older).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(MigrationsTest, TheProjectsOwnMigrationsApply) {
  auto applied = Migrate(*connection_);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_GE(applied->size(), 1u);
  // Every table and column says what it is.
  auto silent = connection_->Exec(
      "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
      "WHERE c.relnamespace = 'sluice'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum "
      "> 0 AND NOT a.attisdropped "
      "AND c.relname <> 'schema_migrations' AND col_description(c.oid, a.attnum) IS NULL");
  ASSERT_TRUE(silent.ok()) << silent.status();
  for (int row = 0; row < silent->rows(); ++row) {
    ADD_FAILURE() << "no comment on sluice." << silent->Text(row, 0) << "." << silent->Text(row, 1);
  }
  auto again = Migrate(*connection_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->empty());
}

TEST_F(MigrationsTest, ResultsOfWindowsOfOffsetsStayWhenThoseOfEventTimeCome) {
  auto migrations = LoadMigrations("sql/migrations");
  ASSERT_TRUE(migrations.ok()) << migrations.status();
  const std::vector<Migration> before(migrations->begin(), migrations->begin() + 3);
  ASSERT_TRUE(ApplyMigrations(*connection_, before).ok());
  const auto insert = [&](const std::string& columns, const std::string& offsets) {
    return connection_
        ->Exec(
            "INSERT INTO sluice.metric_results (pipeline, generation, sink, topic, partition, "
            "rule_id, contract_id, metric, severity, dimension, records_read, records_checked, "
            "records_counted, value, unit, threshold, first_offset, next_offset" +
            columns +
            ") VALUES ('p', 1, 's', 't', 0, 'rows', 1, 'rowCount', 'error', 'coverage', 9, 9, "
            "9, 9, 'rows', 'mustBe: 9', " +
            offsets + ")")
        .ok();
  };
  ASSERT_TRUE(connection_
                  ->Exec("INSERT INTO sluice.contracts (pipeline, version, content_hash, body) "
                         "VALUES ('p', '1.0.0', 'h', 'b')")
                  .ok());
  ASSERT_TRUE(insert("", "0, 100"));
  ASSERT_TRUE(insert("", "100, 200"));
  auto applied = ApplyMigrations(*connection_, *migrations);
  ASSERT_TRUE(applied.ok()) << applied.status();
  auto there = connection_->Exec(
      "SELECT count(*), sum(records_late) FROM sluice.metric_results WHERE window_start IS NULL");
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->Integer(0, 0), 2);
  EXPECT_EQ(there->Text(0, 1), "0");
  // A writer of before goes on; two windows of event time may close at one record.
  EXPECT_TRUE(insert("", "200, 300"));
  EXPECT_FALSE(insert("", "200, 300")) << "twice";
  const std::string time = ", window_start, window_end";
  EXPECT_TRUE(insert(time, "301, 310, to_timestamp(0), to_timestamp(60)"));
  EXPECT_TRUE(insert(time, "305, 310, to_timestamp(60), to_timestamp(120)"));
  EXPECT_FALSE(insert(time, "305, 310, to_timestamp(60), to_timestamp(120)")) << "twice";
  EXPECT_FALSE(insert(time, "306, 310, to_timestamp(60), to_timestamp(60)")) << "no time";
  EXPECT_FALSE(insert(time, "306, 310, to_timestamp(60), NULL"));
}

}  // namespace
}  // namespace sluice::postgres
