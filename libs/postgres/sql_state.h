#pragma once
// What a PostgreSQL error means to the caller: one table from SQLSTATE classes to status codes.
//
//   kUnavailable         08 connection, 40 rollback, 53 resources, 57 operator, 25006 read-only
//   server, 55P03 lock
//                        not available, no SQLSTATE and the connection gone: reconnect and try
//                        again
//   kOutOfRange          22 data, 23 integrity, 54 limits: some row is to blame, its neighbours are
//   not kFailedPrecondition  42 syntax or access, 28 authorization and everything else: an operator
//   has to act

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::postgres {

/// The status of an error that the server reported. `message` should hold no values of rows.
absl::Status StatusFromSqlState(std::string_view sql_state, std::string_view message);

/// The five characters of the SQLSTATE that a status of this library carries, "" when it carries
/// none.
std::string SqlState(const absl::Status& status);

/// Whether a row is to blame (kOutOfRange with a SQLSTATE).
bool IsDataError(const absl::Status& status);

}  // namespace sluice::postgres
