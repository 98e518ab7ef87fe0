#include <benchmark/benchmark.h>

#include "arrow/record_batch.h"
#include "bench/stage_work.h"
#include "rules/rule_evaluator.h"

namespace sluice::rules {
namespace {

void Evaluate(benchmark::State& state) {
  const auto rows = bench::Rows(bench::Validated(bench::TelemetryRecords(4096)).front());
  RuleEvaluator evaluator(bench::TelemetryContract());
  Outcome outcome;
  for (auto _ : state) {
    if (!evaluator.Evaluate(*rows, &outcome).ok()) state.SkipWithError("not judged");
    benchmark::DoNotOptimize(outcome.verdicts.data());
  }
  state.counters["records"] = static_cast<double>(rows->num_rows());
}
BENCHMARK(Evaluate)->Name("rule evaluation");

}  // namespace
}  // namespace sluice::rules
