#pragma once
// A finding in a file the user wrote, with its position.

#include <string>
#include <vector>

namespace sluice::contract {

struct Problem {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;         ///< from 1; 0: the file as a whole
  int column = 0;       ///< from 1
  std::string message;  ///< what, and what to do
  std::string id;       ///< of the lint rule, such as "unknown-key"

  /// `file:line:column: error: message [id]`
  std::string ToString() const;
};

/// Those of one severity.
std::vector<Problem> Only(Problem::Severity severity, const std::vector<Problem>& problems);

/// One problem a line.
std::string ToString(const std::vector<Problem>& problems);

}  // namespace sluice::contract
