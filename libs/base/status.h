#pragma once
// The one error vocabulary. A code says what the caller should do:
//   kUnavailable, kDeadlineExceeded  try the same again later (see IsRetryable)
//   kAborted              somebody else owns this now: let go of it, silently
//   kDataLoss             the log is not the one expected, or has a gap: stop this partition, by
//   name kFailedPrecondition   an operator has to act first; the message says how kInvalidArgument
//   wrong usage or configuration kNotFound             it is not there kInternal             a
//   defect of ours, or an error nobody classified: stop
// Messages are lower-case, say what happened and what to do, and carry the values at the end.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"

namespace sluice {

/// Whether the same call may succeed later without anybody acting.
inline bool IsRetryable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

/// The same code with `context: ` before the message. Payloads are kept.
inline absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(
      status.code(),
      absl::StrCat(absl::string_view(context.data(), context.size()), ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace sluice

#define SLUICE_CONCAT_(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_(a, b)

#define SLUICE_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (absl::Status sluice_status_ = (expression); !sluice_status_.ok()) { \
      return sluice_status_;                                                \
    }                                                                       \
  } while (false)

#define SLUICE_ASSIGN_OR_RETURN(declaration, expression) \
  SLUICE_ASSIGN_OR_RETURN_(SLUICE_CONCAT(sluice_status_or_, __LINE__), declaration, expression)
#define SLUICE_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  declaration = *std::move(result)
