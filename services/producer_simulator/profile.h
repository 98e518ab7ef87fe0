#pragma once
// pipelines/<name>/simulator.yaml: how generated records look and which faults are made. Immutable.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "producer_simulator/fault.h"

namespace sluice::producer_simulator {

/// One way to make a fault of content, and the truth about it.
struct Variant {
  Fault fault = Fault::kNone;
  std::vector<std::pair<std::string, std::string>> set;  ///< member and its value as JSON text
  std::vector<std::string> remove;                       ///< members
  std::vector<std::string> rules;  ///< ids of the contract's rules that are broken
};

struct Profile {
  enum class Key : uint8_t { kCarId, kTripId };

  int64_t cars = 200;
  int64_t interval_us = 5'000'000;  ///< of event time between two measurements of one car
  int64_t start_time_us = 0;        ///< event time of the first record, since 1970
  double latitude = 0;
  double longitude = 0;
  Key key = Key::kCarId;
  FaultMix faults;
  std::vector<Variant> variants;
  /// Names everything that decides what a record looks like, except the fault mix: records made by
  /// one profile cannot be made again by another.
  std::string fingerprint;
};

/// kNotFound: no such file. kInvalidArgument: every problem with its position, one a line.
absl::StatusOr<Profile> LoadProfile(const std::string& path);
absl::StatusOr<Profile> ParseProfile(std::string_view text, std::string_view file_name);

}  // namespace sluice::producer_simulator
