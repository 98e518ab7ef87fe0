#include "postgres/migrations.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"

namespace sluice::postgres {
namespace {

namespace fs = std::filesystem;

// Any number; the same for every instance.
constexpr const char* kLockKey = "7310574826001";

absl::Status Bootstrap(Connection& connection) {
  return connection
      .Exec(
          "BEGIN; CREATE SCHEMA IF NOT EXISTS sluice;"
          "CREATE TABLE IF NOT EXISTS sluice.schema_migrations ("
          " version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
          " applied_at timestamptz NOT NULL DEFAULT now());"
          "COMMENT ON TABLE sluice.schema_migrations IS 'Applied migrations, with the hash of "
          "their text';"
          "COMMIT")
      .status();
}

absl::StatusOr<bool> HasHistory(Connection& connection) {
  SLUICE_ASSIGN_OR_RETURN(
      const Result result,
      connection.Exec("SELECT to_regclass('sluice.schema_migrations') IS NOT NULL"));
  return result.Boolean(0, 0);
}

absl::StatusOr<std::string> Sha256(Connection& connection, const std::string& text) {
  SLUICE_ASSIGN_OR_RETURN(
      const Result result,
      connection.Query("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')", {text}));
  return std::string(result.Text(0, 0));
}

absl::Status ApplyOne(Connection& connection, const Migration& migration,
                      const std::string& sha256) {
  SLUICE_RETURN_IF_ERROR(connection.Begin());
  absl::Status status = connection.Exec(migration.sql).status();
  if (status.ok()) {
    status =
        connection
            .Query(
                "INSERT INTO sluice.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                {Concat(migration.version), migration.name, sha256})
            .status();
  }
  if (status.ok()) status = connection.Commit();
  if (status.ok()) return status;
  connection.Rollback().IgnoreError();
  return Annotate(status, migration.name);
}

absl::StatusOr<std::vector<std::string>> ApplyLocked(Connection& connection,
                                                     const std::vector<Migration>& migrations) {
  // A role that may not create in the database can still check that nothing is missing.
  SLUICE_ASSIGN_OR_RETURN(const bool has_history, HasHistory(connection));
  if (!has_history) SLUICE_RETURN_IF_ERROR(Bootstrap(connection));
  SLUICE_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Exec("SELECT version, sha256, name FROM sluice.schema_migrations"));
  std::map<int64_t, std::string> done;
  for (int row = 0; row < rows.rows(); ++row) {
    const int64_t version = rows.Integer(row, 0);
    done[version] = rows.Text(row, 1);
    if (version > static_cast<int64_t>(migrations.size())) {
      return absl::FailedPreconditionError(
          Concat("the database has migration ", rows.Text(row, 2),
                 ", which this version does not know: use a newer sluicectl"));
    }
  }
  std::vector<std::string> applied;
  for (const Migration& migration : migrations) {
    SLUICE_ASSIGN_OR_RETURN(const std::string sha256, Sha256(connection, migration.sql));
    const auto found = done.find(migration.version);
    if (found == done.end()) {
      SLUICE_RETURN_IF_ERROR(ApplyOne(connection, migration, sha256));
      applied.push_back(migration.name);
    } else if (found->second != sha256) {
      return absl::FailedPreconditionError(
          Concat(migration.name,
                 " was changed after it was applied: migrations only go forward, restore the file "
                 "and add a new one"));
    }
  }
  return applied;
}

}  // namespace

absl::StatusOr<std::string> FindMigrations() {
  std::vector<fs::path> candidates;
  if (const char* configured = std::getenv("SLUICE_MIGRATIONS");
      configured != nullptr && *configured != '\0') {
    candidates.emplace_back(configured);
  } else {
    std::error_code error;
    const fs::path binary = fs::read_symlink("/proc/self/exe", error);
    if (!error)
      candidates.push_back(binary.parent_path().parent_path() / "share/sluice/migrations");
    candidates.emplace_back(fs::path(SLUICE_SOURCE_DIR) / "sql/migrations");
  }
  for (const fs::path& candidate : candidates) {
    std::error_code error;
    if (fs::is_directory(candidate, error)) return candidate.string();
  }
  return absl::NotFoundError(Concat("no folder of migrations: set SLUICE_MIGRATIONS; looked for ",
                                    candidates.front().string()));
}

absl::StatusOr<std::vector<Migration>> LoadMigrations(const std::string& folder) {
  std::error_code error;
  std::vector<Migration> migrations;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.extension() != ".sql") continue;
    Migration migration;
    migration.name = path.filename().string();
    const std::string number = migration.name.substr(0, 4);
    if (migration.name.size() < 6 || migration.name[4] != '_' ||
        !std::all_of(number.begin(), number.end(), absl::ascii_isdigit) ||
        !absl::SimpleAtoi(number, &migration.version)) {
      return absl::InvalidArgumentError(Concat("expected NNNN_name.sql: ", path.string()));
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return absl::InvalidArgumentError(Concat("cannot read ", path.string()));
    migration.sql = text.str();
    migrations.push_back(std::move(migration));
  }
  if (error) return absl::NotFoundError(Concat("cannot read ", folder, ": ", error.message()));
  std::sort(migrations.begin(), migrations.end(),
            [](const Migration& a, const Migration& b) { return a.version < b.version; });
  for (size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].version != static_cast<int>(i) + 1) {
      return absl::InvalidArgumentError(Concat(
          "migrations must be numbered 0001, 0002, ... without a gap: ", migrations[i].name));
    }
  }
  return migrations;
}

absl::StatusOr<std::vector<std::string>> ApplyMigrations(Connection& connection,
                                                         const std::vector<Migration>& migrations) {
  // lock_timeout bounds the wait for another instance.
  SLUICE_RETURN_IF_ERROR(
      Annotate(connection.Exec(Concat("SELECT pg_advisory_lock(", kLockKey, ")")).status(),
               "lock for migrations"));
  absl::StatusOr<std::vector<std::string>> applied = ApplyLocked(connection, migrations);
  connection.Rollback().IgnoreError();
  if (connection.alive())
    connection.Exec(Concat("SELECT pg_advisory_unlock(", kLockKey, ")")).status().IgnoreError();
  return applied;
}

absl::StatusOr<std::vector<std::string>> Migrate(Connection& connection) {
  SLUICE_ASSIGN_OR_RETURN(const std::string folder, FindMigrations());
  SLUICE_ASSIGN_OR_RETURN(const std::vector<Migration> migrations, LoadMigrations(folder));
  return ApplyMigrations(connection, migrations);
}

}  // namespace sluice::postgres
