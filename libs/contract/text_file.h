#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace sluice::contract {

/// The bytes of the file at `path`, of which at most a little more than the YAML limit is read (the
/// parser then says that it is too large). kNotFound when it cannot be read.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace sluice::contract
