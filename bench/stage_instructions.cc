// stage_instructions STAGE RECORDS: does the work of one stage (validate, check, write) on so many
// records, inside SluiceMeasured, for callgrind to count. Prints what the count depends on besides.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "bench/stage_work.h"
#include "simdjson.h"

// Its own symbol, so that --toggle-collect finds it.
extern "C" [[gnu::noinline]] void SluiceMeasured(const std::function<void()>* work) { (*work)(); }

namespace sluice::bench {
namespace {

// Every batch is done twice, and only the second time counts: then tables are warm and buffers
// have grown, as in a process that runs.
void Measure(const std::function<void()>& work) {
  work();
  SluiceMeasured(&work);
}

int Run(std::string_view stage, int64_t count) {
  const std::vector<SourceRecord> records = TelemetryRecords(count);
  const std::vector<WireBatch> validated = Validated(records);
  if (stage == "validate") {
    ValidateWork work;
    Measure([&] {
      size_t first = 0;
      for (const WireBatch& batch : validated) {
        const auto rows =
            static_cast<size_t>(batch.coverage.range.next - batch.coverage.range.first);
        work.Run(absl::MakeConstSpan(records).subspan(first, rows), batch.coverage.range.first);
        first += rows;
      }
    });
  } else if (stage == "check") {
    CheckWork work;
    Measure([&] {
      for (const WireBatch& batch : validated) work.Run(batch);
    });
  } else if (stage == "write") {
    const std::vector<WireBatch> checked = Checked(validated);
    WriteWork work;
    Measure([&] {
      for (const WireBatch& batch : checked) work.Run(batch);
    });
  } else {
    std::fprintf(stderr, "no such stage: %.*s\n", static_cast<int>(stage.size()), stage.data());
    return 2;
  }
  std::printf("g++ %d.%d, simdjson %s\n", __GNUC__, __GNUC_MINOR__,
              simdjson::get_active_implementation()->name().c_str());
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: stage_instructions validate|check|write RECORDS\n");
    return 2;
  }
  return sluice::bench::Run(argv[1], std::atoll(argv[2]));
}
