#pragma once
// The files a user wrote, checked as a whole: what the services find at their start, found before.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/problem.h"

namespace sluice::contract {

/// Whether `text` is meant to be a pipeline file: one has the key `pipeline`, a contract
/// `apiVersion` or `kind`.
bool IsPipelineText(std::string_view text);

/// Every problem of a contract, or of a pipeline (its file or folder), its contract, and what only
/// both together can tell; each file in its order. kNotFound when `path` cannot be read.
absl::StatusOr<std::vector<Problem>> Lint(const std::string& path);

}  // namespace sluice::contract
