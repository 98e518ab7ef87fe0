#include "contract/yaml_reader.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/suggestion.h"

namespace sluice::contract {

MapReader::MapReader(const YamlNode& map, const std::vector<KeySpec>& keys, std::string_view what,
                     Diagnostics* diagnostics)
    : map_(map), what_(what), diagnostics_(diagnostics) {
  if (!map.IsMap()) {
    diagnostics->Error(map, "wrong-type", Concat(what, " must be a map of keys and values"));
    return;
  }
  for (const YamlMember& member : map.members) {
    const std::string& name = member.key.scalar;
    auto spec =
        std::find_if(keys.begin(), keys.end(), [&](const KeySpec& s) { return s.key == name; });
    if (spec == keys.end()) {
      std::vector<std::string_view> known;
      for (const KeySpec& candidate : keys) known.push_back(candidate.key);
      diagnostics->Error(
          member.key, "unknown-key",
          Concat("unknown key \"", name.substr(0, 60), "\" in ", what, DidYouMean(name, known)));
    } else if (spec->use == KeyUse::kRefused) {
      diagnostics->Error(member.key, "not-supported",
                         Concat("\"", name, "\" is not supported: ", spec->note));
    }
  }
}

std::optional<std::string> MapReader::Text(std::string_view key) const {
  const YamlNode* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsScalar()) {
    diagnostics_->Error(
        *value, "wrong-type",
        Concat("\"", key, "\" must be ", value->IsNull() ? "given a value" : "text"));
    return std::nullopt;
  }
  return value->scalar;
}

std::optional<std::string> MapReader::RequiredText(std::string_view key) const {
  if (!Has(key)) {
    if (map_.IsMap())
      diagnostics_->Error(map_, "missing-key", Concat("\"", key, "\" is missing in ", what_));
    return std::nullopt;
  }
  std::optional<std::string> text = Text(key);
  if (text.has_value() && text->empty()) {
    diagnostics_->Error(*Find(key), "invalid-value", Concat("\"", key, "\" must not be empty"));
    return std::nullopt;
  }
  return text;
}

std::optional<bool> MapReader::Boolean(std::string_view key) const {
  const YamlNode* value = Find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<bool> result = ReadBoolean(*value);
  if (!result.has_value()) {
    diagnostics_->Error(*value, "wrong-type", Concat("\"", key, "\" must be true or false"));
  }
  return result;
}

std::optional<int64_t> MapReader::Integer(std::string_view key) const {
  const YamlNode* value = Find(key);
  if (value == nullptr) return std::nullopt;
  int64_t result = 0;
  if (!value->IsScalar() || !absl::SimpleAtoi(value->scalar, &result)) {
    diagnostics_->Error(*value, "wrong-type", Concat("\"", key, "\" must be a whole number"));
    return std::nullopt;
  }
  return result;
}

const std::vector<YamlNode>* MapReader::List(std::string_view key) const {
  const YamlNode* value = Find(key);
  if (value == nullptr) return nullptr;
  if (!value->IsSequence()) {
    diagnostics_->Error(*value, "wrong-type", Concat("\"", key, "\" must be a list"));
    return nullptr;
  }
  return &value->items;
}

std::optional<std::string> MapReader::OneOf(std::string_view key,
                                            const std::vector<std::string_view>& allowed) const {
  std::optional<std::string> text = Text(key);
  if (!text.has_value()) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), *text) == allowed.end()) {
    diagnostics_->Error(
        *Find(key), "invalid-value",
        Concat("\"", key, "\" must be ", ListOf(allowed), ", not \"", text->substr(0, 60), "\""));
    return std::nullopt;
  }
  return text;
}

std::optional<bool> ReadBoolean(const YamlNode& node) {
  if (!node.IsScalar() || !node.plain) return std::nullopt;
  if (node.scalar == "true" || node.scalar == "True" || node.scalar == "TRUE") return true;
  if (node.scalar == "false" || node.scalar == "False" || node.scalar == "FALSE") return false;
  return std::nullopt;
}

std::string ListOf(const std::vector<std::string_view>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    Append(&text, i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", "\"", names[i], "\"");
  }
  return text;
}

}  // namespace sluice::contract
