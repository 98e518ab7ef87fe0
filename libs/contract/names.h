#pragma once
// The words of the standard for what the compiled contract has as numbers.

#include <string_view>

#include "contract/contract.h"

namespace sluice::contract {

/// string, integer, number, boolean, date or timestamp
std::string_view Name(LogicalType type);

/// warn, quarantine, drop or fail
std::string_view Name(Action action);

}  // namespace sluice::contract
