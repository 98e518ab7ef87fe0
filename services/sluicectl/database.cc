#include "sluicectl/database.h"

#include "base/status.h"

namespace sluice::sluicectl {
namespace {

constexpr int kChunkRows = 10'000;

}  // namespace

absl::StatusOr<std::unique_ptr<postgres::Connection>> ConnectDatabase(const Settings& settings) {
  if (settings.database_url.empty()) {
    return absl::InvalidArgumentError("--database-url (or SLUICE_DATABASE_URL) is missing");
  }
  postgres::ConnectionOptions options;
  // A proof may sort for minutes, and reads Kafka while its transaction is open. It locks nothing.
  options.wait_timeout = absl::Minutes(30);
  options.idle_in_transaction_timeout = absl::Minutes(30);
  return postgres::Connection::Connect(settings.database_url, "sluicectl", options);
}

absl::StatusOr<Cursor> Cursor::Open(postgres::Connection* connection, const std::string& name,
                                    const std::string& sql) {
  SLUICE_RETURN_IF_ERROR(
      connection->Exec(Concat("DECLARE ", name, " NO SCROLL CURSOR FOR ", sql)).status());
  return Cursor(connection, name);
}

absl::StatusOr<bool> Cursor::Next() {
  if (chunk_ && ++row_ < chunk_->rows()) return true;
  if (chunk_ && chunk_->rows() < kChunkRows) return false;
  SLUICE_ASSIGN_OR_RETURN(chunk_,
                          connection_->Exec(Concat("FETCH FORWARD ", kChunkRows, " FROM ", name_)));
  row_ = 0;
  return chunk_->rows() > 0;
}

}  // namespace sluice::sluicectl
