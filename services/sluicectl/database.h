#pragma once
// sluicectl's session with PostgreSQL, and results that are longer than memory should hold.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "postgres/connection.h"
#include "sluicectl/command.h"

namespace sluice::sluicectl {

/// kInvalidArgument when --database-url is missing.
absl::StatusOr<std::unique_ptr<postgres::Connection>> ConnectDatabase(const Settings& settings);

/// The rows of one SELECT, in chunks. Inside of a transaction. Several may be open on one
/// connection.
class Cursor {
 public:
  /// `name` is an identifier that nothing else uses; `connection` outlives the cursor.
  static absl::StatusOr<Cursor> Open(postgres::Connection* connection, const std::string& name,
                                     const std::string& sql);

  /// Go to the next row; false at the end.
  absl::StatusOr<bool> Next();
  bool IsNull(int column) const { return chunk_->IsNull(row_, column); }
  std::string_view Text(int column) const { return chunk_->Text(row_, column); }
  int64_t Integer(int column) const { return chunk_->Integer(row_, column); }

 private:
  Cursor(postgres::Connection* connection, std::string name)
      : connection_(connection), name_(std::move(name)) {}

  postgres::Connection* connection_;
  std::string name_;
  std::optional<postgres::Result> chunk_;
  int row_ = -1;
};

}  // namespace sluice::sluicectl
