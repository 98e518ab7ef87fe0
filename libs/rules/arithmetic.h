#pragma once
// Arithmetic that is total: sums saturate, and nothing traps.

#include <cmath>
#include <cstdint>
#include <limits>

namespace sluice::rules {

inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

inline int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

inline int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) != (b < 0) ? std::numeric_limits<int64_t>::min()
                            : std::numeric_limits<int64_t>::max();
}

inline int64_t SaturatingNegate(int64_t a) { return SaturatingSubtract(0, a); }
inline int64_t SaturatingAbs(int64_t a) { return a < 0 ? SaturatingNegate(a) : a; }

inline bool IsMultiple(int64_t value, int64_t of) { return value % of == 0; }

/// Within a relative 1e-9, so that 19.99 is a multiple of 0.01.
inline bool IsMultiple(double value, double of) {
  const double quotient = value / of;
  return std::fabs(quotient - std::round(quotient)) <= 1e-9 * std::fmax(1.0, std::fabs(quotient));
}

/// The rest has the sign of `value`. Division by zero: 0, and the caller makes it null.
inline int64_t Modulo(int64_t value, int64_t by) { return by == 0 || by == -1 ? 0 : value % by; }
inline double Modulo(double value, double by) { return std::fmod(value, by); }

}  // namespace sluice::rules
