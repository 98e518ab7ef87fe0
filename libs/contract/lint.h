#pragma once
// The files a user wrote, checked as a whole: what the services find at their start, found before.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/problem.h"

namespace sluice::contract {

/// Whether `path` is a pipeline (its file or folder) rather than a contract: a pipeline file has
/// the key `pipeline`, a contract `apiVersion` or `kind`. False when it cannot be read.
bool IsPipeline(const std::string& path);

/// Every problem of a contract, or of a pipeline (its file or folder), its contract, and what only
/// both together can tell; each file in its order. kNotFound when `path` cannot be read.
absl::StatusOr<std::vector<Problem>> Lint(const std::string& path);

}  // namespace sluice::contract
