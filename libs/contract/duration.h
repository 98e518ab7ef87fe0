#pragma once
// Durations and sizes as people write them.

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sluice::contract {

/// The longest that is read.
inline constexpr absl::Duration kLongestDuration = absl::Hours(24 * 36'500);

/// The unit `name` stands for, in lower case and short, singular or plural: from us to w. Zero when
/// it is none.
absl::Duration DurationUnit(std::string_view name);

/// `10ms`, `10m`, `1h30m`, `10 minutes`, `1 day`, at most 100 years. kInvalidArgument otherwise.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

/// `65536`, `64 KiB`, `1 MiB`, `2 GiB`. kInvalidArgument otherwise.
absl::StatusOr<int64_t> ParseBytes(std::string_view text);

}  // namespace sluice::contract
