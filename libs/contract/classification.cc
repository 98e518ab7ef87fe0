#include "contract/classification.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace sluice::contract {

bool IsClassified(const Column& column) {
  const absl::string_view word = absl::StripAsciiWhitespace(column.classification);
  return !word.empty() && !absl::EqualsIgnoreCase(word, "public") &&
         !absl::EqualsIgnoreCase(word, "internal");
}

bool HasClassified(const Contract& contract) {
  return std::any_of(contract.columns.begin(), contract.columns.end(), IsClassified);
}

}  // namespace sluice::contract
