#include "producer_simulator/trip.h"

#include <algorithm>

#include "producer_simulator/hash.h"

namespace sluice::producer_simulator {
namespace {

enum Salt : uint64_t { kLength = 1, kPhase, kTripId, kStart, kRoad, kTurn, kFuel, kEngine };

constexpr double kMetresPerDegree = 111'320;
constexpr double kSpeedUp = 7;    // km/h per second
constexpr double kSlowDown = 11;  // km/h per second
constexpr double kWarmUp = 240;   // seconds in which the engine gets two thirds of the way
constexpr double kTripSeconds[] = {900, 5400};
constexpr double kRoadSeconds = 75;  // how long the road stays the same

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// A series instead of libm, whose last digit differs between machines.
double Cosine(double degrees) {
  const double x = degrees * 0.017453292519943295;
  const double y = x * x;
  return 1 - y / 2 * (1 - y / 12 * (1 - y / 30 * (1 - y / 56)));
}

std::string Uuid(uint64_t high, uint64_t low) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  high = (high & ~0xF000ULL) | 0x4000ULL;                        // version 4
  low = (low & ~0xC000000000000000ULL) | 0x8000000000000000ULL;  // variant 1
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text.push_back('-');
    const uint64_t word = i < 16 ? high : low;
    text.push_back(kHex[(word >> (60 - 4 * (i % 16))) & 15]);
  }
  return text;
}

// What the road allows, in km/h: most of a trip is town.
double RoadSpeed(uint64_t hash) {
  const uint64_t road = Below(hash, 100);
  if (road < 12) return 0;  // a red light, a jam
  if (road < 55) return Between(Mix(hash, 1), 25, 52);
  if (road < 85) return Between(Mix(hash, 1), 60, 102);
  return Between(Mix(hash, 1), 105, 152);
}

}  // namespace

Fleet::Fleet(uint64_t seed, const Profile& profile)
    : seed_(seed),
      profile_(profile),
      seconds_(static_cast<double>(profile.interval_us) * 1e-6),
      cars_(static_cast<size_t>(profile.cars)) {
  for (size_t i = 0; i < cars_.size(); ++i) {
    const double duration = Between(Hash(seed_, kLength, i), kTripSeconds[0], kTripSeconds[1]);
    cars_[i].length = std::max<int64_t>(2, static_cast<int64_t>(duration / seconds_));
    cars_[i].phase =
        static_cast<int64_t>(Below(Hash(seed_, kPhase, i), static_cast<uint64_t>(cars_[i].length)));
  }
}

void Fleet::Begin(Car* car, int64_t number, int64_t trip) const {
  const uint64_t start = Hash(seed_, kStart, number, trip);
  car->trip_id = Uuid(Hash(seed_, kTripId, number, trip), Hash(seed_, kTripId + 100, number, trip));
  car->start_latitude = profile_.latitude + Between(Mix(start, 1), -0.35, 0.35);
  car->start_longitude = profile_.longitude + Between(Mix(start, 2), -0.5, 0.5);
  car->east_scale = 1 / Cosine(car->start_latitude);
  car->latitude = car->start_latitude;
  car->longitude = car->start_longitude;
  car->north = 1;
  car->east = 0;
  // Four quarter turns at random, then a bit of a turn: a heading without trigonometry.
  const uint64_t quarters = Below(Mix(start, 3), 4);
  for (uint64_t i = 0; i < quarters; ++i) {
    std::swap(car->north, car->east);
    car->north = -car->north;
  }
  car->speed = 0;
  car->fuel = Between(Hash(seed_, kFuel, number, trip), 35, 100);
  // Two in three engines start cold.
  const uint64_t engine = Hash(seed_, kEngine, number, trip);
  car->temperature =
      Below(engine, 3) == 0 ? Between(Mix(engine, 1), 45, 80) : Between(Mix(engine, 1), 4, 24);
  car->trip = trip;
  car->step = 0;
  car->known = true;
}

void Fleet::Step(Car* car, int64_t number) const {
  ++car->step;
  const int64_t stretch =
      static_cast<int64_t>(static_cast<double>(car->step) * seconds_ / kRoadSeconds);
  const uint64_t road = Hash(seed_, kRoad, number, car->trip, stretch);
  // The last stretch of the way is braked to a stop.
  const double left = static_cast<double>(car->length - 1 - car->step) * seconds_;
  const double wanted =
      std::min(RoadSpeed(road), left * 4) +
      (left > 0 ? Between(Mix(road, static_cast<uint64_t>(car->step)), -2, 2) : 0);
  const double change = std::clamp(wanted - car->speed, -kSlowDown * seconds_, kSpeedUp * seconds_);
  car->speed = std::max(0.0, car->speed + change);

  // A rotation by a rational turn: (1 - t^2, 2 t) / (1 + t^2).
  const double t = Between(Hash(seed_, kTurn, number, car->trip, stretch), -0.04, 0.04) *
                   std::min(1.0, car->speed / 30);
  const double scale = 1 / (1 + t * t);
  const double turn_cos = (1 - t * t) * scale;
  const double turn_sin = 2 * t * scale;
  const double north = car->north * turn_cos - car->east * turn_sin;
  car->east = car->north * turn_sin + car->east * turn_cos;
  car->north = north;

  const double metres = car->speed / 3.6 * seconds_;
  car->latitude += metres * car->north / kMetresPerDegree;
  car->longitude += metres * car->east / kMetresPerDegree * car->east_scale;
  // Per cent of the tank: idling, then distance, then air drag.
  car->fuel -= seconds_ * (0.0003 + car->speed * (0.000030 + car->speed * 0.0000001));
  const double hot = 86 + car->speed * 0.07;
  car->temperature += (hot - car->temperature) * seconds_ / (kWarmUp + seconds_);
}

Measurement Fleet::Measure(int64_t number, int64_t tick) {
  Car& car = cars_[static_cast<size_t>(number)];
  const int64_t shifted = tick + car.phase;
  const int64_t trip = FloorDiv(shifted, car.length);
  const int64_t step = shifted - trip * car.length;
  if (!car.known || car.trip != trip || car.step > step) Begin(&car, number, trip);
  while (car.step < step) Step(&car, number);

  Measurement m;
  m.trip_id = &car.trip_id;
  m.car = number;
  m.latitude = car.latitude;
  m.longitude = car.longitude;
  m.speed_kmph = car.speed;
  m.fuel_level = car.fuel;
  m.engine_temp_c = car.temperature;
  // The cars of a fleet do not measure at the same moment.
  const int64_t offset_us = profile_.interval_us / profile_.cars * number;
  m.event_time_us = profile_.start_time_us + tick * profile_.interval_us + offset_us;
  m.trip_start_time_us = m.event_time_us - step * profile_.interval_us;
  m.trip_start_latitude = car.start_latitude;
  m.trip_start_longitude = car.start_longitude;
  return m;
}

}  // namespace sluice::producer_simulator
