#pragma once
// Where the inputs of the targets come from.

#include <memory>
#include <string>
#include <vector>

#include "contract/contract.h"

namespace sluice::fuzz {

/// The bytes of all files of a folder whose names end so, in the order of their names.
std::vector<std::string> ReadFolder(const std::string& folder, const std::string& suffix);

/// A contract that must be there and be one.
std::shared_ptr<const contract::Contract> Contract(const std::string& path);

inline constexpr char kHostileContract[] = "tests/data/hostile/contract.odcs.yaml";
inline constexpr char kNestedContract[] = "tests/data/json/nested.odcs.yaml";
inline constexpr char kArraysContract[] = "tests/data/json/arrays.odcs.yaml";
inline constexpr char kArraysOfObjectsContract[] = "tests/data/json/arrays_of_objects.odcs.yaml";
inline constexpr char kTelemetryContract[] = "pipelines/telemetry/contract.odcs.yaml";

}  // namespace sluice::fuzz
