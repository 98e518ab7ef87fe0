#include <benchmark/benchmark.h>

#include "arrow/record_batch.h"
#include "bench/stage_work.h"
#include "record/record_parser.h"

namespace sluice::record {
namespace {

constexpr int64_t kRows = 4096;

// `only_valid`: without what is corrupt or null, whose rows cost more.
void Parse(benchmark::State& state, bool only_valid, bool finish) {
  RecordParser parser(bench::TelemetryContract());
  BatchBuilder builder(bench::TelemetryContract());
  std::vector<bench::SourceRecord> records = bench::TelemetryRecords(kRows);
  if (only_valid) {
    std::erase_if(records, [&](const bench::SourceRecord& record) {
      return parser.Parse(record.key, record.value, record.timestamp_ms, 0, &builder).verdict !=
             batch::Verdict::kValid;
    });
    builder.Clear();
  }
  for (auto _ : state) {
    int64_t offset = 0;
    for (const bench::SourceRecord& record : records)
      parser.Parse(record.key, record.value, record.timestamp_ms, offset++, &builder);
    if (finish) {
      benchmark::DoNotOptimize(builder.Finish());
    } else {
      builder.Clear();
    }
  }
  state.counters["records"] = static_cast<double>(records.size());
}

BENCHMARK_CAPTURE(Parse, valid, true, false)->Name("record parser, valid records");
BENCHMARK_CAPTURE(Parse, mixed, false, false)->Name("record parser");
BENCHMARK_CAPTURE(Parse, batch, false, true)->Name("record parser and batch builder");

}  // namespace
}  // namespace sluice::record
