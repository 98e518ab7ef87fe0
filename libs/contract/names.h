#pragma once
// The words of the standard for what the compiled contract has as numbers.

#include <string>
#include <string_view>

#include "contract/contract.h"

namespace sluice::contract {

/// string, integer, number, boolean, date, timestamp, time or object (kJson)
std::string_view Name(LogicalType type);

/// The same, or `array of string`, ...
std::string TypeName(const Member& member);

/// warn, quarantine, drop or fail
std::string_view Name(Action action);

}  // namespace sluice::contract
