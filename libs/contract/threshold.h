#pragma once
// What a library metric of the standard is compared with.

#include <optional>

#include "contract/contract.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

/// The one threshold of a quality rule; `mustBe: 0` when it has none and `may_be_none`. Nothing: it
/// is missing, there are two, or it is no number; the problem is reported.
std::optional<Threshold> ReadThreshold(const MapReader& quality, bool may_be_none,
                                       Diagnostics* diagnostics);

/// Whether it says that no row may be counted, so that each record keeps or breaks it by itself.
bool MeansNone(const Threshold& threshold, bool percent);

}  // namespace sluice::contract
