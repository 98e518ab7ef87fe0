#include "stage/worker.h"

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace sluice::stage {
namespace {

constexpr char kBreakerOpen[] = "sluice/breaker-open";

}  // namespace

absl::Status BreakerOpenError(std::string_view message) {
  absl::Status status = absl::FailedPreconditionError(AbslView(message));
  status.SetPayload(kBreakerOpen, absl::Cord());
  return status;
}

bool IsBreakerOpen(const absl::Status& status) {
  return status.GetPayload(kBreakerOpen).has_value();
}

}  // namespace sluice::stage
