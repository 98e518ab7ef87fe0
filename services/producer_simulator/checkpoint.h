#pragma once
// What the simulator knows for certain: one small JSON file, replaced as a whole.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "producer_simulator/car_trips.h"
#include "producer_simulator/record_source.h"

namespace sluice::producer_simulator {

/// Before `main` and `published`, every record has arrived, and is in the truth file. Every later
/// record that has been sent lies at or after `read_back_from` in its partition.
struct Checkpoint {
  std::string run_id;
  std::string origin;  ///< fingerprint of what generates the records (or of the input file)
  std::string topic;
  std::string topic_id;
  bool clean = true;  ///< nothing was in flight: there is nothing to read back
  SourcePosition main;
  SourcePosition published;
  std::map<int32_t, int64_t> read_back_from;
  int64_t truth_bytes = 0;
  int64_t delivered = 0;  ///< of the main source
  int64_t delivered_published = 0;
  int64_t rejected = 0;
  std::map<std::string, int64_t> delivered_faults;
  FaultHistory faults;

  bool operator==(const Checkpoint&) const = default;
};

std::string ToJson(const Checkpoint& checkpoint);
/// kDataLoss: no checkpoint of ours.
absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view json);

/// Nothing when there is no file at `path`.
absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path);
absl::Status StoreCheckpoint(const std::string& path, const Checkpoint& checkpoint);

}  // namespace sluice::producer_simulator
