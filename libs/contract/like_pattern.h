#pragma once
// Patterns of `like`: % is any text, _ any character, and an escape takes both their meaning.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "contract/expression.h"

namespace sluice::contract {

struct LikePattern {
  std::string pattern;  ///< with \ as its escape, and only where one is needed
  std::shared_ptr<const re2::RE2>
      compiled;  ///< finds a match where the pattern fits the whole text
};

/// Whether `text` may stand behind `escape`: one character, or none for no escape at all.
bool IsEscape(std::string_view text);

/// Nothing, and `error` filled in, when the pattern cannot be executed. Runs in linear time.
std::optional<LikePattern> CompileLike(std::string_view pattern, std::string_view escape,
                                       std::string* error);

}  // namespace sluice::contract
