#include "sluicectl/verify/differences.h"

#include "base/strings.h"

namespace sluice::sluicectl {

void Differences::Add(const std::string& kind, const std::string& detail) {
  ++count_;
  Kind& found = kinds_[kind];
  if (found.count++ < shown_per_kind_) found.details.push_back(detail);
}

std::vector<std::string> Differences::Lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, kind] : kinds_) {
    for (const std::string& detail : kind.details) lines.push_back(Concat(name, ": ", detail));
    const int64_t left_out = kind.count - static_cast<int64_t>(kind.details.size());
    if (left_out > 0) lines.push_back(Concat(name, ": and ", left_out, " more"));
  }
  return lines;
}

}  // namespace sluice::sluicectl
