#pragma once
// The text cases of tests/data/json and tests/data/hostile: `== section` lines, and `name | bytes`
// lines below them. For tests.

#include <cstdint>
#include <optional>
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

/// A record of tests/data/hostile; its README.md has the format. Headers are left out: nothing here
/// looks at them.
struct HostileRecord {
  std::string name;
  std::string verdict;
  std::string reason;  ///< of a corrupt record
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<int64_t> timestamp_ms;  ///< when the case sets one
};

/// The records of all files of tests/data/hostile below the working directory.
std::vector<HostileRecord> ReadHostileRecords();

/// The bytes that `text` stands for: %XX is a byte, %(N*text) is text N times.
std::string Expand(std::string_view text);

/// The other way, without repetitions: for messages and comparisons.
std::string Printable(std::string_view bytes);

}  // namespace sluice::record
