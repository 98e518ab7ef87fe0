#pragma once
// `items` of an array: what each of its items is. Items that are objects have members of their own,
// at any depth, none of which is a column.

#include "contract/contract.h"
#include "contract/yaml_document.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

/// Reads the type of `array`, and the members of its items when they are objects. False: its type
/// is not usable. `property`: the array's own entry. `depth`: how many objects are around the
/// array. When a member of an item has a classification that protects, the array has it, too.
/// Problems are reported; logicalTypeOptions that would be rules of items are RuleCompiler's.
bool ReadItems(const MapReader& property, int depth, Column* array, Diagnostics* diagnostics);

}  // namespace sluice::contract
