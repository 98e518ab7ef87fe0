#pragma once
// Whether one contract already makes sure of a condition of another.

#include "contract/contract.h"

namespace sluice::contract {

/// Whether a rule can keep a record from being clean.
bool IsEnforced(const Rule& rule);

/// Whether every record that `by` accepts passes `rule` of `contract`, as far as the records have
/// the shape of both. A yes is certain; a no may be too careful.
bool Implies(const Contract& by, const Contract& contract, const Rule& rule);

}  // namespace sluice::contract
