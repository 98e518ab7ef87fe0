#include "producer_simulator/car_trips.h"

#include <arrow/record_batch.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "batch/verdict.h"
#include "contract/contract.h"
#include "contract/timestamp.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::producer_simulator {
namespace {

Profile TelemetryProfile() { return *LoadProfile("pipelines/telemetry/simulator.yaml"); }

CarTrips MakeTrips(uint64_t seed = 42) {
  return CarTrips(seed, TelemetryProfile(), RecordLimits());
}

FaultHistory DefaultFaults() { return {{0, FaultMix::Default()}}; }

struct Made {
  std::string key, value;
  bool has_value;
  int64_t timestamp_ms;
  const Expectation* expectation;
  bool operator==(const Made&) const = default;
};

Made MakeOne(CarTrips& trips, int64_t number, const FaultHistory& faults) {
  Record record;
  trips.Make(number, faults, &record);
  return {record.key, record.value, record.has_value, record.timestamp_ms, record.expectation};
}

TEST(CarTripsTest, ARecordIsAFunctionOfSeedAndNumber) {
  CarTrips forward = MakeTrips();
  CarTrips jumping = MakeTrips();
  CarTrips other = MakeTrips(43);
  const FaultHistory faults = DefaultFaults();
  int differ = 0;
  for (int64_t number = 0; number < 20'000; ++number) {
    const Made made = MakeOne(forward, number, faults);
    if (number % 37 == 0) {
      const Made again = MakeOne(jumping, number, faults);
      EXPECT_EQ(made.value, again.value) << number;
      EXPECT_EQ(made.key, again.key) << number;
      EXPECT_EQ(made.expectation->json, again.expectation->json) << number;
      differ += made.value != MakeOne(other, number, faults).value ? 1 : 0;
    }
  }
  EXPECT_GT(differ, 500);
  // Backwards, and far away.
  for (int64_t number = 19'999; number >= 0; number -= 777) {
    EXPECT_EQ(MakeOne(forward, number, faults).value, MakeOne(jumping, number, faults).value);
  }
  EXPECT_EQ(MakeOne(forward, 123'456'789'012, faults).value,
            MakeOne(jumping, 123'456'789'012, faults).value);
}

TEST(CarTripsTest, TheFirstRecordIsAlwaysTheSame) {
  CarTrips trips = MakeTrips();
  // Another text means that records can no longer be made again from older checkpoints: then change
  // the profile's fingerprint as well.
  EXPECT_EQ(
      MakeOne(trips, 0, {}).value,
      "{\"trip_id\":\"280c0f42-7e05-4465-9869-971bb65ef951\",\"car_id\":\"car-0000\",\"latitude\":"
      "47.767633,"
      "\"longitude\":11.383405,\"event_timestamp\":\"2024-03-10T22:30:00.000Z\",\"speed_kmph\":0.0,"
      "\"fuel_level\":91.213,\"engine_temp_c\":87.4,\"trip_start_time\":\"2024-03-10T22:15:35."
      "000Z\","
      "\"trip_start_latitude\":47.863539,\"trip_start_longitude\":11.285667,\"trip_start_date\":"
      "\"2024-03-10\"}");
}

struct Point {
  std::string trip;
  double latitude, longitude, speed, fuel, temperature;
  int64_t event_us, start_us;
  int32_t date;
};

Point Parse(const std::string& value) {
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(value);
  Point point;
  point.trip = std::string(std::string_view(json["trip_id"]));
  point.latitude = json["latitude"];
  point.longitude = json["longitude"];
  point.speed = json["speed_kmph"];
  point.fuel = json["fuel_level"];
  point.temperature = json["engine_temp_c"];
  EXPECT_TRUE(contract::ParseTimestamp(std::string_view(json["event_timestamp"]), &point.event_us));
  EXPECT_TRUE(contract::ParseTimestamp(std::string_view(json["trip_start_time"]), &point.start_us));
  EXPECT_TRUE(contract::ParseDate(std::string_view(json["trip_start_date"]), &point.date));
  EXPECT_EQ(simdjson::dom::object(json).size(), 12u);
  return point;
}

TEST(CarTripsTest, TripsLookLikeTrips) {
  CarTrips trips = MakeTrips();
  const Profile profile = TelemetryProfile();
  std::map<std::string, int> lengths;
  int warmed_up = 0;
  size_t bytes = 0;
  int records = 0;
  for (const int64_t car : {0, 1, 77, 199}) {
    Point before;
    for (int64_t tick = 0; tick < 3000; ++tick, ++records) {
      const Made made = MakeOne(trips, tick * profile.cars + car, {});
      bytes += made.value.size();
      const Point now = Parse(made.value);
      EXPECT_GE(now.speed, 0);
      EXPECT_LE(now.speed, 250);
      EXPECT_GT(now.fuel, 0);
      EXPECT_LE(now.fuel, 100);
      EXPECT_GE(now.event_us, now.start_us);
      EXPECT_EQ(now.date, now.start_us / contract::kMicrosPerDay);
      if (tick > 0 && now.trip == before.trip) {
        EXPECT_LE(now.fuel, before.fuel);
        EXPECT_EQ(now.event_us - before.event_us, profile.interval_us);
        EXPECT_EQ(now.start_us, before.start_us);
        // As far as the speed allows: a degree of latitude has 111 km.
        const double north = (now.latitude - before.latitude) * 111.32;
        const double east =
            (now.longitude - before.longitude) * 111.32 * std::cos(now.latitude * 0.01745);
        EXPECT_NEAR(std::hypot(north, east), now.speed / 3600 * 5, 0.001);
        EXPECT_LE(std::abs(now.speed - before.speed), 56);
        if (before.temperature < 60 && now.temperature >= 60) ++warmed_up;
      }
      ++lengths[now.trip];
      before = now;
    }
  }
  EXPECT_GE(lengths.size(), 12u);
  EXPECT_GE(warmed_up, 4);
  EXPECT_NEAR(static_cast<double>(bytes) / records, 350, 15);
}

TEST(CarTripsTest, ADuplicateRepeatsTheCarsRecordBefore) {
  CarTrips trips = MakeTrips();
  FaultMix mix;
  ASSERT_TRUE(mix.Set(Fault::kDuplicate, 300'000).ok());
  const FaultHistory faults = {{0, mix}};
  int duplicates = 0;
  for (int64_t number = 0; number < 2000; ++number) {
    const Made made = MakeOne(trips, number, faults);
    if (made.expectation->fault != Fault::kDuplicate) continue;
    ++duplicates;
    ASSERT_GE(number, 200);
    EXPECT_EQ(made.value, MakeOne(trips, number - 200, faults).value);
    EXPECT_EQ(trips.FaultOf(number - 200, faults), Fault::kNone);
  }
  EXPECT_GT(duplicates, 200);
}

TEST(CarTripsTest, AChangedMixAppliesFromItsRecordOn) {
  CarTrips trips = MakeTrips();
  FaultMix all_null;
  ASSERT_TRUE(all_null.Set(Fault::kNull, 1'000'000).ok());
  const FaultHistory faults = {{0, FaultMix()}, {100, all_null}, {150, FaultMix()}};
  for (int64_t number = 0; number < 200; ++number) {
    EXPECT_EQ(trips.FaultOf(number, faults),
              number >= 100 && number < 150 ? Fault::kNull : Fault::kNone);
  }
}

// `"rules":[...]` of an expectation, as the evaluator's bits say it.
std::string RulesJson(const contract::Contract& contract, std::string_view bits) {
  std::string json = "\"rules\":[";
  for (size_t i = 0; i < contract.rules.size(); ++i) {
    if ((static_cast<uint8_t>(bits[i / 8]) >> (i % 8) & 1) == 0) continue;
    if (json.back() != '[') json += ',';
    json += "\"" + contract.rules[i].id + "\"";
  }
  return json + "]";
}

// Neither the validator nor the rules are asked when the truth is written; here they are compared
// with it.
TEST(CarTripsTest, ValidatorAndRulesAgreeWithTheTruth) {
  const auto contract = contract::LoadContract("pipelines/telemetry/contract.odcs.yaml");
  ASSERT_TRUE(contract.ok()) << contract.status();
  const RecordLimits limits{64 << 10, 4096, 32};
  CarTrips trips(5, TelemetryProfile(), limits);
  record::Limits parser_limits;
  parser_limits.max_record_bytes = limits.max_record_bytes;
  parser_limits.max_key_bytes = limits.max_key_bytes;
  parser_limits.max_depth = limits.max_depth;
  record::RecordParser parser(*contract, parser_limits);
  record::BatchBuilder builder(*contract);
  // Each fault equally often, so that the rare ones come, too.
  FaultMix mix;
  for (size_t i = 1; i < kFaultCount; ++i) ASSERT_TRUE(mix.Set(static_cast<Fault>(i), 40'000).ok());
  const FaultHistory faults = {{0, mix}};
  std::set<Fault> seen;
  std::vector<const Expectation*> expectations;
  Record record;
  for (int64_t number = 0; number < 5000; ++number) {
    trips.Make(number, faults, &record);
    expectations.push_back(record.expectation);
    const FaultKind& kind = Describe(record.expectation->fault);
    seen.insert(record.expectation->fault);
    std::optional<std::string_view> value;
    if (record.has_value) value = record.value;
    const record::Judgement judgement = parser.Parse(
        record.key, value, record.timestamp_ms == 0 ? 1'800'000'000'000 : record.timestamp_ms,
        number, &builder);
    const batch::Verdict expected =
        kind.verdict == batch::Verdict::kClean || kind.verdict == batch::Verdict::kFailed
            ? batch::Verdict::kValid
            : kind.verdict;
    EXPECT_EQ(judgement.verdict, expected) << kind.label << ": " << record.value.substr(0, 400);
    EXPECT_EQ(judgement.reason, kind.reason) << kind.label << ": " << record.value.substr(0, 400);
  }
  EXPECT_EQ(seen.size(), kFaultCount);

  rules::RuleEvaluator evaluator(*contract);
  rules::Outcome outcome;
  const absl::Status evaluated = evaluator.Evaluate(*builder.Finish(), &outcome);
  ASSERT_TRUE(evaluated.ok()) << evaluated;
  ASSERT_EQ(outcome.verdicts.size(), expectations.size());
  for (size_t i = 0; i < expectations.size(); ++i) {
    const std::string& truth = expectations[i]->json;
    EXPECT_EQ(outcome.verdicts[i], Describe(expectations[i]->fault).verdict) << truth;
    EXPECT_NE(truth.find(RulesJson(**contract, outcome.FailedRules(static_cast<int64_t>(i)))),
              std::string::npos)
        << truth << " but " << RulesJson(**contract, outcome.FailedRules(static_cast<int64_t>(i)));
  }
}

}  // namespace
}  // namespace sluice::producer_simulator
