#include "contract/like_pattern.h"

#include <algorithm>

#include "base/strings.h"
#include "contract/expression_parser.h"
#include "re2/re2.h"

namespace sluice::contract {
namespace {

/// The character at the head of `text`, which is not empty.
std::string_view FirstCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return text.substr(0, length);
}

}  // namespace

bool IsEscape(std::string_view text) {
  return text.empty() || FirstCharacter(text).size() == text.size();
}

std::optional<LikePattern> CompileLike(std::string_view pattern, std::string_view escape,
                                       std::string* error) {
  LikePattern like;
  std::string regex;
  bool any_text = false;  // a % stands before what comes next
  bool at_begin = true;
  auto begin_part = [&] {
    // A % at an end asks for nothing there.
    if (at_begin && !any_text) regex += "\\A";
    if (!at_begin && any_text) regex += ".*";
    at_begin = any_text = false;
  };
  while (!pattern.empty()) {
    std::string_view character = FirstCharacter(pattern);
    pattern.remove_prefix(character.size());
    if (character == escape) {
      if (pattern.empty()) {
        *error = Concat("the pattern ends with its escape ", character,
                        "; write it twice when it stands for itself");
        return std::nullopt;
      }
      character = FirstCharacter(pattern);
      pattern.remove_prefix(character.size());
    } else if (character == "%") {
      any_text = true;
      like.pattern += "%";
      continue;
    } else if (character == "_") {
      begin_part();
      regex += ".";
      like.pattern += "_";
      continue;
    }
    begin_part();
    regex += re2::RE2::QuoteMeta(re2::StringPiece(character.data(), character.size()));
    if (character == "%" || character == "_" || character == "\\") like.pattern += "\\";
    like.pattern += character;
  }
  if (at_begin && !any_text) regex += "\\A";
  if (!any_text) regex += "\\z";
  like.compiled = CompilePattern(Concat("(?s)", regex), error);
  if (like.compiled == nullptr) return std::nullopt;
  return like;
}

}  // namespace sluice::contract
