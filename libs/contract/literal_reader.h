#pragma once

#include "contract/contract.h"
#include "contract/yaml_document.h"

namespace sluice::contract {

/// The YAML scalar `node` as a literal of the column's type. False, and the problem is reported,
/// when it is none.
bool ReadLiteral(const YamlNode& node, const Column& column, Expression* literal,
                 Diagnostics* diagnostics);

}  // namespace sluice::contract
