#pragma once
// Writing JSON, fast: the little that records, logs and the truth file need.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::producer_simulator {

/// `text` in quotes, escaped. The bytes should be UTF-8; they are passed on as they are.
inline void AppendJsonString(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out->append("\\u00");
      out->push_back(kHex[(c >> 4) & 15]);
      out->push_back(kHex[c & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

inline void AppendInteger(int64_t value, std::string* out) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

/// `scaled` / 10^`places` with exactly `places` digits of fraction.
inline void AppendDecimal(int64_t scaled, int places, std::string* out) {
  char digits[24];
  char* at = digits + sizeof(digits);
  uint64_t rest = scaled < 0 ? -static_cast<uint64_t>(scaled) : static_cast<uint64_t>(scaled);
  for (int i = 0; i < places; ++i, rest /= 10) *--at = static_cast<char>('0' + rest % 10);
  if (places > 0) *--at = '.';
  do {
    *--at = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (scaled < 0) *--at = '-';
  out->append(at, digits + sizeof(digits));
}

}  // namespace sluice::producer_simulator
