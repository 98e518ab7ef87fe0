#pragma once
// Arrow's errors, converted once.

#include <utility>

#include "absl/status/statusor.h"
#include "arrow/result.h"
#include "arrow/status.h"

namespace sluice::batch {

inline absl::Status FromArrow(const arrow::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsOutOfMemory()) return absl::UnavailableError(status.message());
  return absl::InvalidArgumentError(status.message());
}

template <typename T>
absl::StatusOr<T> FromArrow(arrow::Result<T> result) {
  if (!result.ok()) return FromArrow(result.status());
  return std::move(result).ValueUnsafe();
}

}  // namespace sluice::batch
