#include "batch/verdict.h"

#include <algorithm>

namespace sluice::batch {

std::optional<Verdict> ParseVerdict(std::string_view name) {
  const auto found = std::find(kVerdictNames.begin(), kVerdictNames.end(), name);
  if (found == kVerdictNames.end()) return std::nullopt;
  return static_cast<Verdict>(found - kVerdictNames.begin());
}

}  // namespace sluice::batch
