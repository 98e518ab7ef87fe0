#pragma once
// The vocabulary of the Open Data Contract Standard, and what becomes of each word: this table is
// the whole truth about what a contract may say here.

#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

const std::vector<KeySpec>& ContractKeys();
const std::vector<KeySpec>& SchemaKeys();
const std::vector<KeySpec>& PropertyKeys();
/// `items` of an array.
const std::vector<KeySpec>& ItemKeys();
/// `properties[]` of `items` that are objects, and of objects in them.
const std::vector<KeySpec>& ItemMemberKeys();
const std::vector<KeySpec>& QualityKeys();
/// `arguments` of two metrics.
const std::vector<KeySpec>& MissingValuesKeys();
const std::vector<KeySpec>& DuplicateValuesKeys();
const std::vector<KeySpec>& InvalidValuesKeys();
const std::vector<KeySpec>& CustomPropertyKeys();
const std::vector<KeySpec>& ServiceLevelKeys();
const std::vector<KeySpec>& ImplementationKeys();
/// `logicalTypeOptions` of a property of this type.
const std::vector<KeySpec>& OptionKeys(LogicalType type);
/// `logicalTypeOptions` of an object.
const std::vector<KeySpec>& ObjectOptionKeys();
/// The same of an array.
const std::vector<KeySpec>& ArrayOptionKeys();

/// A map of the standard and its keys.
struct KeyTable {
  std::string_view title;  ///< Markdown
  const std::vector<KeySpec>& keys;
};

/// All of the above, in the order of a contract.
std::vector<KeyTable> AllKeys();

/// What becomes of every key and string format, as Markdown: the tables of docs/contract.md.
std::string ContractKeysAsMarkdown();

}  // namespace sluice::contract
