#pragma once
// `slaProperties` of the standard: what the table promises its readers. One of them is executed.

#include "contract/contract.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

/// Reads `slaProperties` of `reader`, a contract whose columns are known, into its `freshness`: the
/// property `latency`, which the standard also calls `freshness`. Others are for human readers.
void ReadServiceLevels(const MapReader& reader, Contract* contract, Diagnostics* diagnostics);

}  // namespace sluice::contract
