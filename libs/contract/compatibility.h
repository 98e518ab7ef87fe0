#pragma once
// What changes between two versions of a contract, and whom it concerns. docs/compatibility.md has
// the user's view.
//
// A contract accepts a record when the record's verdict is `clean`: it has the contract's shape and
// breaks no rule but warnings. Of a change from `before` to `after`:
//
//   backward  `after` accepts every record that `before` accepts: what is in the topic already, and
//             producers that know the old contract only.
//   forward   `before` accepts every record that `after` accepts: whoever still reads by the old
//             contract understands new records.
//
// A yes is a promise. A no may be too careful: whether one condition follows from another is
// decided for bounds, lists of values and equal conditions, not for formulas.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"

namespace sluice::contract {

enum class Compatibility : uint8_t { kNone, kBackward, kForward, kFull };
inline constexpr std::string_view kCompatibilityNames[] = {"none", "backward", "forward", "full"};

/// One difference. `reason` says why it is not compatible in some direction; empty when it is full.
struct Change {
  std::string what;  ///< "column amount: integer -> number"
  bool backward = true;
  bool forward = true;
  std::string reason;
  bool operator==(const Change&) const = default;
};

struct Comparison {
  std::vector<Change> changes;  ///< columns in their order, then rules, metrics, the rest

  /// That of all changes together.
  Compatibility compatibility() const;
  std::string_view name() const {
    return kCompatibilityNames[static_cast<size_t>(compatibility())];
  }
  /// The changes with their reasons on one line, for logs: "column b: removed (not backward: ...)".
  std::string ToString() const;
};

Comparison Compare(const Contract& before, const Contract& after);

}  // namespace sluice::contract
