#pragma once
// "did you mean": the known name nearest to a mistyped one.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::contract {

/// `; did you mean "name"?` when a name in `known` is at most two edits (and a third of its length)
/// away, else empty.
std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace sluice::contract
