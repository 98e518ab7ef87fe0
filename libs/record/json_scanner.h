#pragma once
// The arbiter of why a text is not JSON. simdjson reads the records; it is asked only when simdjson
// refuses one, because simdjson's error code depends on which of several faults it meets first, and
// because it refuses numbers that are JSON but wider than 64 bits. Strict RFC 8259, one pass from
// left to right, no recursion; time and memory are linear in the text.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/verdict.h"

namespace sluice::record {

/// A number that neither int64, uint64 nor double holds as it is written.
struct WideNumber {
  size_t offset = 0;      ///< where it begins in the text
  bool integer = false;   ///< written without fraction and exponent
  bool overflow = false;  ///< beyond the largest double
  double value = 0;       ///< the nearest double, unless `overflow`
};

class JsonScanner {
 public:
  /// `max_depth`: how deep arrays and objects that are not empty may be nested, the outermost one
  /// included.
  explicit JsonScanner(int max_depth) : max_depth_(max_depth) {}

  /// Scan `text`, which must be valid UTF-8. Returns the first fault from left to right:
  /// `kInvalidJson`, `kInvalidUtf8` (an escape that is half of a surrogate pair) or `kTooDeep`;
  /// nothing when the text is JSON. Numbers too wide for simdjson are then listed in `wide()`, in
  /// their order, and replaced by zero in `patch`, a writable copy of `text`.
  std::optional<batch::Reason> Scan(std::string_view text, char* patch);

  const std::vector<WideNumber>& wide() const { return wide_; }

 private:
  class Pass;
  int max_depth_;
  std::string open_;  // the brackets still open, innermost last
  std::vector<WideNumber> wide_;
};

/// Whether the number that begins `text` is written with a digit other than 0 before its exponent.
bool HasNonZeroDigit(std::string_view text);

}  // namespace sluice::record
