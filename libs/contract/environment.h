#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::contract {

/// `text` with `${NAME}` and `${NAME:-default}` (also for an empty value) replaced from the process
/// environment; `$$` is one `$`. kInvalidArgument when a variable is not set and has no default, or
/// the form is wrong. Values are not replaced again.
absl::StatusOr<std::string> ExpandEnvironment(std::string_view text);

}  // namespace sluice::contract
