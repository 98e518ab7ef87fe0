#pragma once
// Lower and upper case by a table of our own: the same in every locale and on every machine.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::rules {

/// The other case of a character where that is one character, else the character: ß and İ stay.
char32_t ToLower(char32_t c);
char32_t ToUpper(char32_t c);

/// Append `text`, valid UTF-8, in lower or upper case. Its length in bytes may change.
void AppendLower(std::string_view text, std::string* out);
void AppendUpper(std::string_view text, std::string* out);

}  // namespace sluice::rules
