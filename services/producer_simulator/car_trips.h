#pragma once
// The generator of the profile `car_trips`: record number n of a seed, with the fault that n gets.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "producer_simulator/fault.h"
#include "producer_simulator/profile.h"
#include "producer_simulator/record.h"
#include "producer_simulator/trip.h"

namespace sluice::producer_simulator {

/// The pipeline's limits, which some faults go beyond.
struct RecordLimits {
  int64_t max_record_bytes = 1 << 20;
  int64_t max_key_bytes = 4096;
  int max_depth = 32;
};

/// From which record on which fault mix applies. The first entry is for record 0.
using FaultHistory = std::map<int64_t, FaultMix>;

/// One thread.
class CarTrips {
 public:
  CarTrips(uint64_t seed, Profile profile, const RecordLimits& limits);

  /// Record `number` (from 0): key, value, timestamp and expectation of `record`; the rest is left
  /// alone. The same for the same seed, profile, limits and history, in whatever order it is asked
  /// for.
  void Make(int64_t number, const FaultHistory& history, Record* record);

  /// The fault of record `number`.
  Fault FaultOf(int64_t number, const FaultHistory& history) const;

 private:
  struct Field;  // a member: name and value as JSON text

  Fault Wanted(int64_t number, const FaultHistory& history) const;
  int64_t LateTicks(int64_t number) const;
  void MakeKey(const Measurement& m, Record* record) const;
  void Render(const Measurement& m, std::string* out);
  void Inject(Fault fault, uint64_t chance, const Measurement& m, Record* record);
  void ApplyVariant(const Variant& variant, const Measurement& m, std::string* out);
  const Expectation* Expect(Fault fault) const {
    return &expectations_[static_cast<size_t>(fault)];
  }

  const uint64_t seed_;
  const Profile profile_;
  const RecordLimits limits_;
  Fleet fleet_;
  std::vector<Expectation> expectations_;          // by fault
  std::vector<Expectation> variant_expectations_;  // by variant
  std::vector<std::vector<size_t>> variants_of_;   // by fault: indexes into profile_.variants
  int64_t day_ = INT64_MIN;                        // of day_text_, days since 1970
  std::string day_text_;
};

}  // namespace sluice::producer_simulator
