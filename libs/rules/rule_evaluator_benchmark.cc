#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "base/strings.h"
#include "bench/stage_work.h"
#include "contract/expression_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::rules {
namespace {

using Conditions = absl::Span<const char* const>;

constexpr int64_t kExportedRecords = 500'000;

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

/// Two hundred that differ: for '@' each digit.
constexpr const char* kManyCellRules[] = {
    "length(trip_id) >= @",
    "length(trip_id) <= 6@",
    "trip_id <> 'none-@'",
    "length(car_id) between 1 and 6@",
    "car_id not in ('', 'unknown-@', 'N/A')",
    "latitude >= -9@",
    "latitude <= 9@",
    "longitude >= -18@",
    "longitude <= 18@",
    "event_timestamp >= '200@-01-01T00:00:00Z'",
    "event_timestamp < '210@-01-01T00:00:00Z'",
    "speed_kmph >= -@",
    "speed_kmph <= 25@",
    "fuel_level between -@ and 10@",
    "engine_temp_c >= -5@",
    "engine_temp_c <= 20@",
    "trip_start_time >= '200@-01-01T00:00:00Z'",
    "trip_start_latitude between -9@ and 9@",
    "trip_start_longitude between -18@ and 18@",
    "trip_start_date >= '200@-01-01'",
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

struct RuleSet {
  const char* title;
  Conditions conditions;
};
const RuleSet kRuleSets[] = {
    {"20 rules of one column", kCellRules},
    {"200 rules of one column", kManyCellRules},
    {"5 rules across columns", kCrossFieldRules},
    {"1 RE2 pattern (uuid)", kPatternRules},
    {"1 like", kLikeRules},
    {"1 lower", kLowerRules},
    {"1 part of a time", kPartRules},
};

/// The rules of a set, as the rule language has them.
std::vector<std::string> TextsOf(const RuleSet& set) {
  std::vector<std::string> texts;
  for (const std::string condition : set.conditions) {
    if (condition.find('@') == std::string::npos) {
      texts.push_back(condition);
      continue;
    }
    for (char digit = '0'; digit <= '9'; ++digit) {
      texts.push_back(condition);
      std::replace(texts.back().begin(), texts.back().end(), '@', digit);
    }
  }
  return texts;
}

/// The telemetry contract with the rules of a set for its own.
std::shared_ptr<const contract::Contract> WithRules(const RuleSet& set) {
  auto contract = std::make_shared<contract::Contract>(*bench::TelemetryContract());
  contract->rules.clear();
  for (const std::string& text : TextsOf(set)) {
    contract::ExpressionError error;
    auto predicate = contract::ParseExpression(text, contract->columns, &error);
    if (!predicate.has_value()) {
      std::fprintf(stderr, "%s: %s\n", text.c_str(), error.message.c_str());
      std::abort();
    }
    contract->rules.emplace_back().predicate = *std::move(predicate);
    contract->rules.back().id = Concat("rule_", contract->rules.size());
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

int64_t CountFailed(const RuleSet& set, const std::vector<bench::WireBatch>& batches) {
  RuleEvaluator evaluator(WithRules(set));
  Outcome outcome;
  int64_t failed = 0;
  for (const bench::WireBatch& batch : batches) {
    if (!evaluator.Evaluate(*bench::Rows(batch), &outcome).ok()) std::abort();
    failed += std::count(outcome.verdicts.begin(), outcome.verdicts.end(), batch::Verdict::kFailed);
  }
  return failed;
}

// For other engines to do the same with (bench/peer/rules.py): rows as Arrow IPC streams, one after
// the other, and the conditions, a line each below "# <rows that break one> <title>".
int Export(const std::string& folder) {
  const auto batches = bench::Validated(bench::TelemetryRecords(kExportedRecords));
  std::ofstream rows(folder + "/rows.arrows", std::ios::binary);
  for (const bench::WireBatch& batch : batches)
    rows.write(reinterpret_cast<const char*>(batch.value->data()), batch.value->size());
  std::ofstream conditions(folder + "/rules.txt");
  for (const RuleSet& set : kRuleSets) {
    conditions << "# " << CountFailed(set, batches) << " " << set.title << "\n";
    for (const std::string& text : TextsOf(set)) conditions << text << "\n";
  }
  return conditions.flush() && rows.flush() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::rules

// rule_evaluator_benchmark [--export FOLDER | an option of Google Benchmark...]
int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--export") return sluice::rules::Export(argv[2]);
  benchmark::RegisterBenchmark("rule evaluation", [](benchmark::State& state) {
    sluice::rules::Run(state, sluice::bench::TelemetryContract());
  });
  for (const sluice::rules::RuleSet& set : sluice::rules::kRuleSets) {
    benchmark::RegisterBenchmark(set.title, [&set](benchmark::State& state) {
      sluice::rules::Run(state, sluice::rules::WithRules(set));
    });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
