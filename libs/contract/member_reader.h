#pragma once
// What all members of objects have in their `properties[]` entries, whether or not they are
// columns: a name, a type, and how values are written. Problems are reported.

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "contract/contract.h"
#include "contract/yaml_document.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

inline constexpr size_t kMaxNameBytes = 63;  ///< PostgreSQL's limit

bool HasControlCharacters(std::string_view name);

/// Whether `name`, of an object or of a member of one, is fit for a path.
bool CheckNoDot(std::string_view name, const YamlNode& at, Diagnostics* diagnostics);

/// The name of a member of an object; nothing when it has no usable one.
std::optional<std::string> ReadMemberName(const MapReader& property, Diagnostics* diagnostics);

/// Whether `name` is a type of scalars, then taken by `member`.
bool TakeScalarType(std::string_view name, Member* member);

/// Reports the type at `at`. `more`: types that are allowed beside those of scalars.
void RefuseType(const YamlNode& at, std::initializer_list<std::string_view> more,
                Diagnostics* diagnostics);

/// `logicalTypeOptions` of `property` that say how values of the member's type are written. Which
/// keys there are is checked with the rules.
void ReadFormat(const YamlNode& property, Member* member, Diagnostics* diagnostics);

/// `required` in the `logicalTypeOptions` of an object lists members: the same as `required: true`
/// at each of them. `require` makes one required, and says whether it is there.
void ReadRequiredMembers(const MapReader& object,
                         const std::function<bool(const std::string& name)>& require,
                         Diagnostics* diagnostics);

}  // namespace sluice::contract
