#include "storage_writer/copy_encoder_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"

namespace sluice::storage_writer {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Length of the UTF-8 sequence at the start of `bytes`; 0 when there is none (overlong and
// surrogates included).
size_t SequenceLength(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || bytes.size() < length || at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Whether eight bytes are all ASCII and none is NUL.
bool PlainWord(const char* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  constexpr uint64_t kHigh = 0x8080808080808080;
  constexpr uint64_t kOnes = 0x0101010101010101;
  return ((word | (word - kOnes)) & kHigh) == 0;
}

std::string FromBase10000(const std::vector<uint16_t>& groups, int weight, uint16_t sign,
                          uint16_t scale) {
  std::string out;
  const auto put = [&](uint16_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xff);
  };
  put(static_cast<uint16_t>(groups.size()));
  put(static_cast<uint16_t>(weight));
  put(sign);
  put(scale);
  for (uint16_t group : groups) put(group);
  return out;
}

}  // namespace

bool IsStorableText(std::string_view bytes) {
  while (bytes.size() >= 8 && PlainWord(bytes.data())) bytes.remove_prefix(8);
  while (!bytes.empty()) {
    const size_t length = bytes[0] == '\0' ? 0 : SequenceLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string VisibleText(std::string_view bytes) {
  if (IsStorableText(bytes)) return std::string(bytes);
  std::string text;
  while (!bytes.empty()) {
    const size_t length = bytes[0] == '\0' ? 0 : SequenceLength(bytes);
    if (length != 0) {
      text += bytes.substr(0, length);
    } else {
      const auto byte = static_cast<uint8_t>(bytes[0]);
      text += "\\x";
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    }
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

std::string KeyText(std::string_view key) {
  if (IsStorableText(key)) return std::string(key);
  std::string text = "\\x";
  for (const char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::string NumericBinary(std::string_view decimal) {
  constexpr uint16_t kNegative = 0x4000, kNan = 0xc000, kInfinity = 0xd000, kMinusInfinity = 0xf000;
  const bool negative = !decimal.empty() && decimal[0] == '-';
  if (negative) decimal.remove_prefix(1);
  if (decimal == "nan") return FromBase10000({}, 0, kNan, 0);
  if (decimal == "inf") return FromBase10000({}, 0, negative ? kMinusInfinity : kInfinity, 0);
  std::string digits;
  int scale = 0;  // digits behind the point
  int exponent = 0;
  bool point = false;
  for (size_t i = 0; i < decimal.size(); ++i) {
    const char c = decimal[i];
    if (absl::ascii_isdigit(c)) {
      digits += c;
      if (point) ++scale;
    } else if (c == '.' && !point) {
      point = true;
    } else if ((c == 'e' || c == 'E') && i + 1 < decimal.size()) {
      const char* begin = decimal.data() + i + 1 + (decimal[i + 1] == '+' ? 1 : 0);
      const char* end = decimal.data() + decimal.size();
      if (std::from_chars(begin, end, exponent).ptr != end) return "";
      break;
    } else {
      return "";
    }
  }
  if (digits.empty() || exponent > 10'000 || exponent < -10'000) return "";
  scale -= exponent;
  if (scale < 0) {
    digits.append(static_cast<size_t>(-scale), '0');
    scale = 0;
  }
  // Groups of four digits on both sides of the point.
  if (static_cast<size_t>(scale) > digits.size())
    digits.insert(0, static_cast<size_t>(scale) - digits.size(), '0');
  digits.append(static_cast<size_t>((4 - scale % 4) % 4), '0');
  digits.insert(0, (4 - digits.size() % 4) % 4, '0');
  std::vector<uint16_t> groups;
  for (size_t i = 0; i < digits.size(); i += 4) {
    groups.push_back(static_cast<uint16_t>((digits[i] - '0') * 1000 + (digits[i + 1] - '0') * 100 +
                                           (digits[i + 2] - '0') * 10 + (digits[i + 3] - '0')));
  }
  int weight = static_cast<int>(groups.size()) - (scale + 3) / 4 - 1;
  const auto first =
      std::find_if(groups.begin(), groups.end(), [](uint16_t group) { return group != 0; });
  weight -= static_cast<int>(first - groups.begin());
  groups.erase(groups.begin(), first);
  while (!groups.empty() && groups.back() == 0) groups.pop_back();
  if (groups.empty()) return FromBase10000({}, 0, 0, static_cast<uint16_t>(scale));
  return FromBase10000(groups, weight, negative ? kNegative : 0, static_cast<uint16_t>(scale));
}

std::string NumericBinary(double value) {
  if (std::isnan(value)) return NumericBinary("nan");
  if (std::isinf(value)) return NumericBinary(value < 0 ? "-inf" : "inf");
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return NumericBinary(std::string_view(text, static_cast<size_t>(end.ptr - text)));
}

std::string UuidBinary(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == '-' || c == '{' || c == '}') continue;
    if (!absl::ascii_isxdigit(c)) return "";
    const int digit = absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  return bytes.size() == 16 && high < 0 ? bytes : "";
}

}  // namespace sluice::storage_writer
