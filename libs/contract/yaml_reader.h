#pragma once
// Typed access to a YAML map whose keys are known beforehand. Every wrong value is reported, and
// read as absent.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/yaml_document.h"

namespace sluice::contract {

/// What happens with a key: it has an effect, it is for human readers, or it is refused.
enum class KeyUse { kExecuted, kDocumentation, kRefused };

struct KeySpec {
  std::string_view key;
  KeyUse use;
  std::string_view note = "";  ///< kRefused: why, and what to do; else what it does, for manuals
};

/// Reads one map. Construction reports keys that are unknown or refused.
class MapReader {
 public:
  /// `what` names the map in messages: "a property". `map` need not be a map: that is reported, and
  /// reads as empty.
  MapReader(const YamlNode& map, const std::vector<KeySpec>& keys, std::string_view what,
            Diagnostics* diagnostics);
  /// A map whose keys somebody else checks.
  MapReader(const YamlNode& map, Diagnostics* diagnostics) : map_(map), diagnostics_(diagnostics) {}

  const YamlNode& node() const { return map_; }
  /// The value, null when absent.
  const YamlNode* Find(std::string_view key) const { return map_.Find(key); }
  bool Has(std::string_view key) const { return Find(key) != nullptr; }

  /// Text; a number or a boolean is text as well.
  std::optional<std::string> Text(std::string_view key) const;
  /// The same, and absence is reported.
  std::optional<std::string> RequiredText(std::string_view key) const;
  std::optional<bool> Boolean(std::string_view key) const;
  std::optional<int64_t> Integer(std::string_view key) const;
  /// The items of a list, null when absent or no list.
  const std::vector<YamlNode>* List(std::string_view key) const;
  /// Text out of a closed set.
  std::optional<std::string> OneOf(std::string_view key,
                                   const std::vector<std::string_view>& allowed) const;

 private:
  const YamlNode& map_;
  std::string what_;
  Diagnostics* diagnostics_;
};

/// true/false as YAML 1.2 has it (`yes`, `on` and quoted words are no booleans).
std::optional<bool> ReadBoolean(const YamlNode& node);

/// `"a", "b" or "c"`
std::string ListOf(const std::vector<std::string_view>& names);

}  // namespace sluice::contract
