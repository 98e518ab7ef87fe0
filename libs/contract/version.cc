#include <algorithm>

#include "absl/strings/ascii.h"
#include "contract/contract.h"

namespace sluice::contract {
namespace {

int Sign(int value) { return (value > 0) - (value < 0); }

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t dot; (dot = text.find('.')) != std::string_view::npos; text.remove_prefix(dot + 1)) {
    parts.push_back(text.substr(0, dot));
  }
  parts.push_back(text);
  return parts;
}

/// Numbers of any length.
int CompareNumbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return Sign(a.compare(b));
}

/// Parts between dots: numbers by value, text by text, a number before a text, `missing` for a part
/// that is not there.
int CompareParts(std::string_view a, std::string_view b, std::string_view missing) {
  const std::vector<std::string_view> left = Split(a);
  const std::vector<std::string_view> right = Split(b);
  for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string_view x = i < left.size() ? left[i] : missing;
    const std::string_view y = i < right.size() ? right[i] : missing;
    int order = 0;
    if (IsNumber(x) && IsNumber(y)) {
      order = CompareNumbers(x, y);
    } else if (IsNumber(x) != IsNumber(y)) {
      order = x.empty() || (IsNumber(x) && !y.empty()) ? -1 : 1;
    } else {
      order = Sign(x.compare(y));
    }
    if (order != 0) return order;
  }
  return 0;
}

}  // namespace

int CompareVersions(std::string_view a, std::string_view b) {
  // <numbers>[-<pre-release>][+<build>]
  auto without_build = [](std::string_view text) { return text.substr(0, text.find('+')); };
  auto numbers = [&](std::string_view text) {
    return without_build(text).substr(0, without_build(text).find('-'));
  };
  auto pre_release = [&](std::string_view text) {
    return without_build(text).substr(numbers(text).size());
  };
  if (int order = CompareParts(numbers(a), numbers(b), "0"); order != 0) return order;
  const std::string_view pre_a = pre_release(a);
  const std::string_view pre_b = pre_release(b);
  if (pre_a.empty() != pre_b.empty()) return pre_a.empty() ? 1 : -1;
  if (!pre_a.empty()) {
    if (int order = CompareParts(pre_a.substr(1), pre_b.substr(1), ""); order != 0) return order;
  }
  return Sign(a.compare(b));
}

}  // namespace sluice::contract
