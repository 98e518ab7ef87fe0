#pragma once
// What flows between the operations of a rule: a run of values of one chunk of rows, with a byte of
// validity each.

#include <cstdint>
#include <string_view>

namespace sluice::rules {

/// Rows per step: a few registers of this length stay in the first-level cache.
inline constexpr int kChunkRows = 1024;

/// How a value is held while rules run. Dates are days and timestamps microseconds, both in kInt64.
enum class Repr : uint8_t { kBool, kInt64, kDouble, kString };

/// Not owned. `data` is uint8_t (0 or 1), int64_t, double or std::string_view by its Repr.
struct VectorView {
  const void* data = nullptr;
  const uint8_t* valid = nullptr;  ///< 0 or 1 each; null: all are valid

  template <typename T>
  const T* As() const {
    return static_cast<const T*>(data);
  }
};

}  // namespace sluice::rules
