#pragma once

#include <string>
#include <string_view>

namespace sluice::contract {

/// SHA-256 of `bytes` in lower-case hex: how a contract is named everywhere.
std::string ContentHash(std::string_view bytes);

}  // namespace sluice::contract
