#pragma once
// Test results in JUnit's XML, as CI systems read it.

#include <optional>
#include <string>
#include <vector>

namespace sluice::sluicectl {

struct JunitCase {
  std::string group;  ///< `classname`
  std::string name;
  std::optional<std::string> failure;  ///< in one line; nothing: it passed
  std::string details;                 ///< of a failure
};

/// A document with one suite. Any bytes are accepted: what XML cannot hold is escaped as in JSON.
std::string JunitXml(const std::string& suite, const std::vector<JunitCase>& cases);

}  // namespace sluice::sluicectl
