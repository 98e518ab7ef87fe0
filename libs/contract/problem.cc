#include "contract/problem.h"

#include "base/strings.h"

namespace sluice::contract {

std::string Problem::ToString() const {
  std::string position = file;
  if (line > 0) Append(&position, ":", line, ":", column);
  return Concat(position, severity == Severity::kError ? ": error: " : ": warning: ", message, " [",
                id, "]");
}

std::string ToString(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) Append(&text, problem.ToString(), "\n");
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace sluice::contract
