#include "contract/suggestion.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::contract {
namespace {

constexpr size_t kMaxLength = 64;

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known) {
  if (name.size() > kMaxLength) return "";
  std::string_view best;
  size_t best_distance = 3;
  for (std::string_view candidate : known) {
    if (candidate.size() > kMaxLength) continue;
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance && distance * 3 <= std::max<size_t>(candidate.size(), 3)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? "" : Concat("; did you mean \"", best, "\"?");
}

}  // namespace sluice::contract
