#include "contract/classification.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace sluice::contract {

bool Protects(std::string_view classification) {
  const absl::string_view word = absl::StripAsciiWhitespace(AbslView(classification));
  return !word.empty() && !absl::EqualsIgnoreCase(word, "public") &&
         !absl::EqualsIgnoreCase(word, "internal");
}

bool IsClassified(const Column& column) { return Protects(column.classification); }

bool HasClassified(const Contract& contract) {
  return std::any_of(contract.columns.begin(), contract.columns.end(), IsClassified);
}

}  // namespace sluice::contract
