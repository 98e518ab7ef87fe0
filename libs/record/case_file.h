#pragma once
// The text cases of tests/data/json: `== section` lines, and `name | bytes` lines below them. For
// tests.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::record {

struct Case {
  std::vector<std::string> section;  ///< the words of its section line
  std::string name;
  std::string text;  ///< what stands behind the bar, as written
};

/// All cases of a file, in order. Ends the process with a message when the file cannot be read or
/// is not of the format.
std::vector<Case> ReadCases(const std::string& path);

/// The bytes that `text` stands for: %XX is a byte, %(N*text) is text N times.
std::string Expand(std::string_view text);

/// The other way, without repetitions: for messages and comparisons.
std::string Printable(std::string_view bytes);

}  // namespace sluice::record
