#pragma once
// A car's trips: a route with turns, a speed that follows the road, fuel that falls, an engine that
// warms up. Pure arithmetic on the seed: car and tick decide everything, on every machine.

#include <cstdint>
#include <string>
#include <vector>

#include "producer_simulator/profile.h"

namespace sluice::producer_simulator {

/// What one car measures at one tick.
struct Measurement {
  const std::string* trip_id =
      nullptr;  ///< valid until the fleet is asked about the same car again
  int64_t car = 0;
  double latitude = 0;
  double longitude = 0;
  double speed_kmph = 0;
  double fuel_level = 0;
  double engine_temp_c = 0;
  int64_t event_time_us = 0;
  int64_t trip_start_time_us = 0;
  double trip_start_latitude = 0;
  double trip_start_longitude = 0;
};

/// All cars. One thread. Asking for a car's next tick is cheap; any other tick costs one replay of
/// its trip.
class Fleet {
 public:
  Fleet(uint64_t seed, const Profile& profile);

  /// Ticks may be negative: the fleet has always been driving.
  Measurement Measure(int64_t car, int64_t tick);

 private:
  struct Trip;
  struct Car {
    bool known = false;
    int64_t trip = 0;    ///< which of its trips
    int64_t step = 0;    ///< ticks since the trip's start
    int64_t length = 0;  ///< of every trip of this car, in ticks
    int64_t phase = 0;   ///< ticks that its first trip had been going on at tick 0
    std::string trip_id;
    double start_latitude = 0;
    double start_longitude = 0;
    double east_scale = 1;  ///< degrees of longitude per degree of latitude of distance
    double latitude = 0;
    double longitude = 0;
    double north = 1;  ///< heading, a unit vector
    double east = 0;
    double speed = 0;
    double fuel = 0;
    double temperature = 0;
  };

  void Begin(Car* car, int64_t number, int64_t trip) const;
  void Step(Car* car, int64_t number) const;

  const uint64_t seed_;
  const Profile& profile_;
  const double seconds_;  ///< per tick
  std::vector<Car> cars_;
};

}  // namespace sluice::producer_simulator
