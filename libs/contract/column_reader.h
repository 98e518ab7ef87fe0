#pragma once
// A `properties[]` entry of a contract, read into a Column (its rules are RuleCompiler's).

#include <optional>

#include "contract/contract.h"
#include "contract/yaml_document.h"

namespace sluice::contract {

/// The column; nothing when it has no usable name or type. Problems are reported.
std::optional<Column> ReadColumn(const YamlNode& property, Diagnostics* diagnostics);

}  // namespace sluice::contract
