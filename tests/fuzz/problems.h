#pragma once

#include <string_view>

namespace sluice::fuzz {

/// Promises that `message` is problems of `file`, one a line: `file:line:column: error: what [id]`.
void CheckProblems(std::string_view message, std::string_view file);

}  // namespace sluice::fuzz
