#pragma once
// ISO 8601 dates and timestamps, as contracts and records write them. Pure functions, no allocation
// when parsing.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::contract {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
inline constexpr int64_t kMinTimestampMicros =
    -62'135'596'800 * kMicrosPerSecond;  ///< 0001-01-01T00:00:00Z
inline constexpr int64_t kMaxTimestampMicros =
    253'402'300'800 * kMicrosPerSecond - 1;  ///< 9999-12-31T23:59:59.999999Z

/// `2024-03-10`: years 0001 to 9999, days since 1970-01-01. False, and `days` unchanged, otherwise.
bool ParseDate(std::string_view text, int32_t* days);

/// `2024-03-10T14:22:35[.123456789][Z|+01:00|-0500]`, a space or `t` may stand for `T`, `z` for
/// `Z`; without an offset it is UTC. Digits after the sixth are cut off. Microseconds since
/// 1970-01-01T00:00:00Z, between the years 0001 and 9999 in UTC. No leap second, no 24:00. False,
/// and `micros` unchanged, otherwise.
bool ParseTimestamp(std::string_view text, int64_t* micros);

/// `14:22[:35[.123456789]]`: a time of day without an offset, microseconds since midnight. Digits
/// after the sixth are cut off. No leap second, no 24:00. False, and `micros` unchanged, otherwise.
bool ParseTimeOfDay(std::string_view text, int64_t* micros);

/// `2024-03-10`
void AppendDate(int64_t days, std::string* text);

/// `2024-03-10T14:22:35Z`, with three or six digits of fraction when there is one.
void AppendTimestamp(int64_t micros, std::string* text);

/// `14:22:35`, with three or six digits of fraction when there is one. `micros`: of one day.
void AppendTimeOfDay(int64_t micros, std::string* text);

}  // namespace sluice::contract
