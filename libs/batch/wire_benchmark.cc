#include <benchmark/benchmark.h>

#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "batch/wire.h"
#include "bench/stage_work.h"

namespace sluice::batch {
namespace {

bench::WireBatch OneBatch() {
  return bench::Checked(bench::Validated(bench::TelemetryRecords(4096))).front();
}

void Encode(benchmark::State& state) {
  const auto rows = bench::Rows(OneBatch());
  Encoder encoder(bench::TelemetryContract());
  for (auto _ : state) benchmark::DoNotOptimize(encoder.Encode(*rows));
  state.counters["records"] = static_cast<double>(rows->num_rows());
}
BENCHMARK(Encode)->Name("batch encode");

void Decode(benchmark::State& state) {
  const bench::WireBatch batch = OneBatch();
  const std::string_view bytes(reinterpret_cast<const char*>(batch.value->data()),
                               static_cast<size_t>(batch.value->size()));
  Decoder decoder(bench::TelemetryContract());
  for (auto _ : state) {
    if (!decoder.Decode(bytes, batch.value, batch.coverage).ok()) state.SkipWithError("refused");
  }
  state.counters["records"] =
      static_cast<double>(batch.coverage.range.next - batch.coverage.range.first);
}
BENCHMARK(Decode)->Name("batch decode, checks included");

}  // namespace
}  // namespace sluice::batch
