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

}  // namespace
}  // namespace sluice::postgres
