#pragma once
// Over how much the contract's metrics are measured, as people write it.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace sluice::contract {

/// A window of source offsets, or one of event time.
struct WindowSize {
  int64_t records = 10'000;  ///< source offsets; windows begin at its multiples. 0: of event time
  absl::Duration event_time = absl::ZeroDuration();  ///< then; windows begin at its multiples since
                                                     ///< the epoch
};

/// `5000 records` (at least `min_records`), `5000`, or a duration such as `5 minutes`. What is
/// wrong with `text`, empty when nothing is.
std::string SetWindowSize(std::string_view text, int64_t min_records, WindowSize* size);

}  // namespace sluice::contract
