#include <benchmark/benchmark.h>

#include <vector>

#include "arrow/record_batch.h"
#include "base/strings.h"
#include "bench/stage_work.h"
#include "contract/expression_parser.h"
#include "rules/metric_counter.h"

namespace sluice::rules {
namespace {

constexpr int64_t kRecords = 100'000;  // of one window; more than 90 % of them differ

struct Case {
  const char* title;
  const char* predicate;
  std::vector<const char*> compared;
};

/// Counts all records as one window, batch by batch.
void Run(benchmark::State& state, const Case& measured) {
  auto contract = std::make_shared<contract::Contract>(*bench::TelemetryContract());
  contract->metrics.clear();
  contract::Metric& metric = contract->metrics.emplace_back();
  contract::ExpressionError error;
  if (measured.predicate != nullptr)
    metric.predicate = contract::ParseExpression(measured.predicate, contract->columns, &error);
  for (const char* name : measured.compared) metric.compared.push_back(contract->FindColumn(name));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (const bench::WireBatch& batch : bench::Validated(bench::TelemetryRecords(kRecords)))
    batches.push_back(bench::Rows(batch));
  MetricCounter counter(contract);
  for (auto _ : state) {
    batch::Window window;
    WindowMemory memory;
    for (const auto& rows : batches) {
      if (!counter.Bind(*rows).ok()) state.SkipWithError("not counted");
      counter.Count(0, rows->num_rows(), &window, &memory);
    }
    benchmark::DoNotOptimize(window.counted.data());
  }
  state.counters["records"] = kRecords;
}

}  // namespace
}  // namespace sluice::rules

int main(int argc, char** argv) {
  static const sluice::rules::Case cases[] = {
      {"nullValues", "fuel_level is not null", {}},
      {"duplicateValues of a number", nullptr, {"event_timestamp"}},
      {"duplicateValues of a text", nullptr, {"trip_id"}},
      {"duplicateValues of two columns", nullptr, {"car_id", "event_timestamp"}},
  };
  for (const sluice::rules::Case& measured : cases) {
    benchmark::RegisterBenchmark(measured.title, [&measured](benchmark::State& state) {
      sluice::rules::Run(state, measured);
    });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
