#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iterator>

#include "absl/types/span.h"
#include "arrow/record_batch.h"
#include "base/strings.h"
#include "bench/stage_work.h"
#include "contract/expression_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::rules {
namespace {

using Conditions = absl::Span<const char* const>;

/// What contracts mostly say: bounds, lengths, nulls and enumerations of one column.
constexpr const char* kCellRules[] = {
    "trip_id is not null",
    "length(trip_id) >= 1",
    "length(trip_id) <= 64",
    "length(car_id) between 1 and 64",
    "latitude is not null",
    "latitude >= -90",
    "latitude <= 90",
    "longitude is not null",
    "longitude >= -180",
    "longitude <= 180",
    "event_timestamp >= '2000-01-01T00:00:00Z'",
    "event_timestamp < '2100-01-01T00:00:00Z'",
    "speed_kmph >= 0",
    "speed_kmph <= 250",
    "fuel_level between 0 and 100",
    "engine_temp_c >= -50",
    "engine_temp_c <= 200",
    "trip_start_time >= '2000-01-01T00:00:00Z'",
    "trip_start_latitude between -90 and 90",
    "car_id not in ('', 'unknown', 'N/A')",
};

/// Several columns each.
constexpr const char* kCrossFieldRules[] = {
    "event_timestamp >= trip_start_time",
    "event_timestamp - trip_start_time <= interval '24 hours'",
    "not (engine_temp_c > 120 and fuel_level <= 1 and speed_kmph > 120)",
    "abs(latitude - trip_start_latitude) + abs(longitude - trip_start_longitude) < 20",
    "case when speed_kmph > 130 then fuel_level > 0 else coalesce(engine_temp_c, 0) < 150 end",
};

constexpr const char* kPatternRules[] = {
    "trip_id matches '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'",
};
constexpr const char* kLikeRules[] = {"car_id like 'car-%'"};
constexpr const char* kLowerRules[] = {"lower(car_id) != 'car-0000'"};
constexpr const char* kPartRules[] = {"hour(event_timestamp) between 0 and 23"};

/// The telemetry contract with `conditions`, `times` over, for its rules.
std::shared_ptr<const contract::Contract> WithRules(Conditions conditions, int times) {
  auto contract = std::make_shared<contract::Contract>(*bench::TelemetryContract());
  contract->rules.clear();
  for (int i = 0; i < times; ++i) {
    for (const char* text : conditions) {
      contract::ExpressionError error;
      auto predicate = contract::ParseExpression(text, contract->columns, &error);
      if (!predicate.has_value()) {
        std::fprintf(stderr, "%s: %s\n", text, error.message.c_str());
        std::abort();
      }
      contract->rules.emplace_back().predicate = *std::move(predicate);
      contract->rules.back().id = Concat("rule_", contract->rules.size());
    }
  }
  return contract;
}

void Run(benchmark::State& state, std::shared_ptr<const contract::Contract> contract) {
  const auto rows = bench::Rows(bench::Validated(bench::TelemetryRecords(4096)).front());
  RuleEvaluator evaluator(std::move(contract));
  Outcome outcome;
  for (auto _ : state) {
    if (!evaluator.Evaluate(*rows, &outcome).ok()) state.SkipWithError("not judged");
    benchmark::DoNotOptimize(outcome.verdicts.data());
  }
  state.counters["records"] = static_cast<double>(rows->num_rows());
}

void Telemetry(benchmark::State& state) { Run(state, bench::TelemetryContract()); }
BENCHMARK(Telemetry)->Name("rule evaluation");

void Rules(benchmark::State& state, Conditions conditions, int times) {
  Run(state, WithRules(conditions, times));
}
BENCHMARK_CAPTURE(Rules, cell, kCellRules, 1)->Name("20 rules of one column");
BENCHMARK_CAPTURE(Rules, cell_200, kCellRules, 10)->Name("200 rules of one column");
BENCHMARK_CAPTURE(Rules, cross_field, kCrossFieldRules, 1)->Name("5 rules across columns");
BENCHMARK_CAPTURE(Rules, pattern, kPatternRules, 1)->Name("1 RE2 pattern (uuid)");
BENCHMARK_CAPTURE(Rules, like, kLikeRules, 1)->Name("1 like");
BENCHMARK_CAPTURE(Rules, lower, kLowerRules, 1)->Name("1 lower");
BENCHMARK_CAPTURE(Rules, part, kPartRules, 1)->Name("1 part of a time");

}  // namespace
}  // namespace sluice::rules
