#pragma once
// A `properties[]` entry of a contract, read into a Column (its rules are RuleCompiler's).

#include <optional>
#include <string>

#include "contract/contract.h"
#include "contract/yaml_document.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

/// The path of a property that is a member of `object` (null: of the record); nothing when it has
/// no usable name. Problems are reported.
std::optional<std::string> ReadPath(const MapReader& property, const Object* object,
                                    Diagnostics* diagnostics);

/// The column, a member of `object` (null: of the record); nothing when it has no usable name or
/// type. `depth`: how many objects are around it. Problems are reported.
std::optional<Column> ReadColumn(const YamlNode& property, const Object* object, int depth,
                                 Diagnostics* diagnostics);

}  // namespace sluice::contract
