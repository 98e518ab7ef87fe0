#include <benchmark/benchmark.h>

#include <numeric>

#include "arrow/record_batch.h"
#include "bench/stage_work.h"
#include "storage_writer/copy_encoder.h"

namespace sluice::storage_writer {
namespace {

// All rows as if they were clean: a row that has no columns costs a little less.
void Encode(benchmark::State& state) {
  const auto contract = bench::TelemetryContract();
  const auto rows =
      bench::Rows(bench::Checked(bench::Validated(bench::TelemetryRecords(4096))).front());
  std::vector<int32_t> numbers(static_cast<size_t>(rows->num_rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  CopyEncoder encoder = bench::TelemetryCopyEncoder(tables::TableRole::kClean);
  CopyBuffer out;
  for (auto _ : state) {
    if (!encoder.Bind(*rows, {contract.get(), 0, 1, 0}).ok()) state.SkipWithError("not bound");
    out.clear();
    encoder.Encode(numbers, &out);
    benchmark::DoNotOptimize(out.view());
  }
  state.counters["records"] = static_cast<double>(rows->num_rows());
}
BENCHMARK(Encode)->Name("COPY encode");

}  // namespace
}  // namespace sluice::storage_writer
