#pragma once
// Asking before something that cannot be undone.

#include <string>

#include "absl/status/status.h"

namespace sluice::sluicectl {

/// What the user types, without the line end; empty at the end of input.
std::string Ask(const std::string& question);

/// Say what will happen and go on with `y`. kCancelled otherwise; kInvalidArgument when standard
/// input is no terminal.
absl::Status Confirm(const std::string& what);

}  // namespace sluice::sluicectl
