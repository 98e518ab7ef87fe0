#include "sample/json_text.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "record/json_scanner.h"

namespace sluice::sample {
namespace {

// What is too deep, the record's parser says.
constexpr int kAnyDepth = 1 << 30;

size_t Digits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  return count;
}

}  // namespace

void AppendText(std::string_view text, std::string* json) {
  static constexpr char kHex[] = "0123456789abcdef";
  json->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json->push_back('\\');
      json->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json->append("\\u00");
      json->push_back(kHex[c >> 4]);
      json->push_back(kHex[c & 15]);
    } else {
      json->push_back(c);
    }
  }
  json->push_back('"');
}

bool IsJsonNumber(std::string_view text) {
  if (text.substr(0, 1) == "-") text.remove_prefix(1);
  const size_t whole = Digits(text);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return false;
  text.remove_prefix(whole);
  if (text.substr(0, 1) == ".") {
    const size_t fraction = Digits(text.substr(1));
    if (fraction == 0) return false;
    text.remove_prefix(1 + fraction);
  }
  if (text.substr(0, 1) == "e" || text.substr(0, 1) == "E") {
    text.remove_prefix(1);
    if (text.substr(0, 1) == "+" || text.substr(0, 1) == "-") text.remove_prefix(1);
    const size_t exponent = Digits(text);
    if (exponent == 0) return false;
    text.remove_prefix(exponent);
  }
  return text.empty();
}

bool IsJsonArray(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '[' || !IsUtf8(text)) return false;
  std::string copy(text);
  return !record::JsonScanner(kAnyDepth).Scan(text, copy.data()).has_value();
}

void AppendNumber(double value, std::string* json) {
  if (!std::isfinite(value)) {
    json->append(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return;
  }
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  const std::string_view digits(text, static_cast<size_t>(end - text));
  json->append(digits);
  if (digits.find_first_of(".e") == std::string_view::npos) json->append(".0");
}

}  // namespace sluice::sample
