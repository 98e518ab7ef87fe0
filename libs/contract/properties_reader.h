#pragma once
// `properties` of a contract's table: columns, and objects whose members are columns again.

#include <vector>

#include "contract/contract.h"
#include "contract/yaml_document.h"

namespace sluice::contract {

/// Fills in the contract's columns and objects, in the order of the file. Returns where each column
/// is written. Problems are reported.
std::vector<const YamlNode*> ReadProperties(const std::vector<YamlNode>& properties,
                                            Contract* contract, Diagnostics* diagnostics);

}  // namespace sluice::contract
