#pragma once
// Forward-only changes of the schema `sluice`: files NNNN_name.sql, applied in order, each in its
// own transaction. sluice.schema_migrations keeps what was applied with a hash of its text, so that
// an edited file is found out.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "postgres/connection.h"

namespace sluice::postgres {

struct Migration {
  int version = 0;   ///< NNNN
  std::string name;  ///< the file's name
  std::string sql;
};

/// Where the migration files are: $SLUICE_MIGRATIONS, else share/sluice/migrations beside the
/// binary's folder, else the source tree the binary was built from. kNotFound when there is none.
absl::StatusOr<std::string> FindMigrations();

/// The migrations of a folder by version. kInvalidArgument: a gap, a version twice, or a name that
/// is not NNNN_name.sql.
absl::StatusOr<std::vector<Migration>> LoadMigrations(const std::string& folder);

/// Apply what is missing; the names of what was applied. Safe beside other instances (advisory
/// lock). kFailedPrecondition: an applied migration differs from its file, or the database is newer
/// than these files.
absl::StatusOr<std::vector<std::string>> ApplyMigrations(Connection& connection,
                                                         const std::vector<Migration>& migrations);

/// FindMigrations, LoadMigrations and ApplyMigrations in one.
absl::StatusOr<std::vector<std::string>> Migrate(Connection& connection);

}  // namespace sluice::postgres
