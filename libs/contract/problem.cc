#include "contract/problem.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/strings.h"

namespace sluice::contract {

namespace {

/// A message may quote the file: it stays one line, and does nothing to a terminal.
std::string OneLine(std::string_view message) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      line.push_back(c);
    } else if (c == '\n') {
      line += "\\n";
    } else {
      Append(&line, "\\x", std::string{kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return line;
}

}  // namespace

std::string Problem::ToString() const {
  std::string position = file;
  if (line > 0) Append(&position, ":", line, ":", column);
  return Concat(position,
                severity == Severity::kError ? ": error: " : ": warning: ", OneLine(message), " [",
                id, "]");
}

std::vector<Problem> Only(Problem::Severity severity, const std::vector<Problem>& problems) {
  std::vector<Problem> some;
  std::copy_if(problems.begin(), problems.end(), std::back_inserter(some),
               [severity](const Problem& problem) { return problem.severity == severity; });
  return some;
}

std::string ToString(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) Append(&text, problem.ToString(), "\n");
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace sluice::contract
