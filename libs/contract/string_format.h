#pragma once
// `format` of strings: those with a published definition, as patterns.

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace sluice::contract {

struct StringFormat {
  std::string_view name;
  std::string_view summary;     ///< what a violation is called: "not a uuid"
  std::string_view definition;  ///< where it is written down
  std::string pattern;          ///< for RE2
  int max_length = 0;           ///< in characters; 0: no limit
};

absl::Span<const StringFormat> StringFormats();
/// Null when `name` is none of them.
const StringFormat* FindStringFormat(std::string_view name);

}  // namespace sluice::contract
