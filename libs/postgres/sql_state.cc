#include "postgres/sql_state.h"

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace sluice::postgres {
namespace {

constexpr char kPayloadUrl[] = "sluice.dev/sqlstate";

absl::StatusCode CodeOf(std::string_view sql_state) {
  const std::string_view sql_class = sql_state.substr(0, 2);
  for (std::string_view retryable : {"08", "40", "53", "57"}) {
    if (sql_class == retryable) return absl::StatusCode::kUnavailable;
  }
  if (sql_state == "25006" || sql_state == "25P03" || sql_state == "55P03") {
    return absl::StatusCode::kUnavailable;
  }
  for (std::string_view data : {"22", "23", "54"}) {
    if (sql_class == data) return absl::StatusCode::kOutOfRange;
  }
  return absl::StatusCode::kFailedPrecondition;
}

}  // namespace

absl::Status StatusFromSqlState(std::string_view sql_state, std::string_view message) {
  if (sql_state.empty()) return absl::UnavailableError(AbslView(message));
  absl::Status status(CodeOf(sql_state), Concat(message, " (SQLSTATE ", sql_state, ")"));
  status.SetPayload(kPayloadUrl, absl::Cord(AbslView(sql_state)));
  return status;
}

std::string SqlState(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

bool IsDataError(const absl::Status& status) {
  return absl::IsOutOfRange(status) && !SqlState(status).empty();
}

}  // namespace sluice::postgres
