#pragma once
// A pattern of `like` that needs no matching of patterns.

#include <optional>
#include <string>
#include <string_view>

namespace sluice::rules {

/// A text that another one begins with, ends with (both: is), or contains (neither).
struct Affix {
  std::string text;
  bool begins = false, ends = false;

  bool Fits(std::string_view value) const {
    if (begins && ends) return value == text;
    if (begins) return value.substr(0, text.size()) == text;
    if (ends)
      return value.size() >= text.size() && value.substr(value.size() - text.size()) == text;
    return value.find(text) != std::string_view::npos;
  }
};

/// What a pattern of `like` asks for; nothing when it has a _, or a % that is not at its ends. The
/// pattern is one that contract::CompileLike accepts.
std::optional<Affix> AffixOf(std::string_view pattern);

}  // namespace sluice::rules
