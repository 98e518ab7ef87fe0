#pragma once
// The loops behind Instructions: total functions over runs of values, free of branches where it
// pays.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sluice::rules {

/// out[i] = f(a[i], b[i])
template <typename Out, typename In, typename F>
void MapVectors(const In* __restrict a, const In* __restrict b, int rows, Out* __restrict out,
                F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i], b[i]);
}

/// out[i] = f(a[i], b)
template <typename Out, typename In, typename F>
void MapScalar(const In* __restrict a, In b, int rows, Out* __restrict out, F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i], b);
}

/// out[i] = f(a[i])
template <typename Out, typename In, typename F>
void Map(const In* __restrict a, int rows, Out* __restrict out, F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i]);
}

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

/// Code points of valid UTF-8.
inline int64_t CodePoints(std::string_view text) {
  int64_t count = 0;
  for (unsigned char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

/// Without the spaces at both ends.
inline std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return text.substr(0, 0);
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace sluice::rules
