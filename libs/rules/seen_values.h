#pragma once
// Which rows repeat the values of an earlier one: what the metric duplicateValues counts.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "contract/contract.h"
#include "rules/column_loader.h"

namespace sluice::rules {

/// The different values that a window remembers for a metric: up to 36 MB of them.
inline constexpr int64_t kMaxSeenValues = 1'000'000;

/// The values of the compared columns, row by row, as 128 bits: equal values have equal keys, and
/// different ones in practice never the same. A single number, date, time or boolean is its own
/// key; texts and several columns are hashed (XXH3, https://xxhash.com, without a seed, so that the
/// same rows count the same everywhere).
class ValueKeys {
 public:
  /// The columns are announced to `loader`.
  ValueKeys(const std::vector<int>& columns, const contract::Contract& contract,
            ColumnLoader* loader);

  /// Of the loaded `rows` whose `wanted` is 1. `has[i]` = 1 when none of the values of row i is
  /// null, else 0; then `keys[i]` is its key.
  void Make(const ColumnLoader& loader, const uint8_t* wanted, int rows, absl::uint128* keys,
            uint8_t* has);

 private:
  struct Column {
    int slot;
    Repr repr;
  };
  absl::uint128 KeyOf(const VectorView& view, Repr repr, int row) const;
  absl::uint128 KeyOfAll(const ColumnLoader& loader, int row);

  std::vector<Column> columns_;
  std::string bytes_;  // of a row that is being hashed
};

/// The values that one metric has seen in one window.
class SeenValues {
 public:
  /// Whether the value was there before. It is from now on, unless `limit` values are: then it is
  /// not known any more of a new one whether it will be one.
  bool Repeats(absl::uint128 key, int64_t limit);
  /// A value could not be remembered: repeats of it were not seen.
  bool saturated() const { return saturated_; }
  bool operator==(const SeenValues&) const = default;

 private:
  absl::flat_hash_set<absl::uint128> values_;
  bool saturated_ = false;
};

/// What a window has seen. It is too large for the header of a batch: a stage that goes on reads
/// the rows again.
struct WindowMemory {
  std::vector<SeenValues> metrics;   ///< of those that count duplicates, in the contract's order
  std::optional<int64_t> read_from;  ///< offset in the stage's input of the first batch with a row
};

}  // namespace sluice::rules
