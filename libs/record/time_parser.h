#pragma once
// Dates and timestamps of records, fast. The language is contract/timestamp.h's, exactly; these
// functions only take the usual layouts first, by hand. Pure functions, no allocation, any thread.

#include <cstdint>
#include <string_view>

namespace sluice::record {

/// Microseconds since 1970-01-01T00:00:00Z. False, and `micros` unchanged, when `text` is not a
/// timestamp. Fast for `2024-03-10T14:22:35[.123456]Z` with any number of digits from one to six.
bool ParseTimestamp(std::string_view text, int64_t* micros);

/// Days since 1970-01-01. False, and `days` unchanged, when `text` is not a date.
bool ParseDate(std::string_view text, int32_t* days);

}  // namespace sluice::record
