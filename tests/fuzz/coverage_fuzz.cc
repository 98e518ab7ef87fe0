// Any bytes as the header of a batch: refused, or a coverage that does not contradict itself.

#include "batch/wire.h"
#include "google/protobuf/stubs/logging.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using batch::Coverage;

// It complains about every string that is not UTF-8.
[[maybe_unused]] const auto kNoLog = google::protobuf::SetLogHandler(nullptr);

bool Same(const Coverage& a, const Coverage& b) {
  return a.pipeline == b.pipeline && a.generation == b.generation && a.topic == b.topic &&
         a.topic_id == b.topic_id && a.partition == b.partition && a.range == b.range &&
         a.origin == b.origin && a.counts == b.counts && a.lost == b.lost &&
         a.contract == b.contract && a.watermark_us == b.watermark_us && a.idle == b.idle &&
         a.newest_timestamp_ms == b.newest_timestamp_ms && a.breaker == b.breaker &&
         a.open_window == b.open_window && a.closed_windows == b.closed_windows &&
         a.state_from == b.state_from;
}

void CheckCoverage(const Coverage& coverage) {
  FUZZ_PROMISE(!coverage.topic.empty());
  FUZZ_PROMISE(coverage.partition >= 0);
  FUZZ_PROMISE(coverage.range.first >= 0 && coverage.range.first <= coverage.range.next);
  FUZZ_PROMISE(coverage.state_from.value_or(0) >= 0);
  for (const int64_t count : coverage.counts) FUZZ_PROMISE(count >= 0);
  FUZZ_PROMISE(batch::Total(coverage.counts) <= coverage.range.next - coverage.range.first);
  FUZZ_PROMISE(coverage.breaker.next >= 0 && coverage.breaker.failures >= 0);
  FUZZ_PROMISE(!Describe(coverage.breaker).empty());
  for (const batch::Window& closed : coverage.closed_windows) {
    FUZZ_PROMISE(closed.range.next > coverage.range.first);
    FUZZ_PROMISE(closed.range.next <= coverage.range.next);
    FUZZ_PROMISE(0 <= closed.rows && closed.rows <= closed.read && closed.late >= 0);
    (void)coverage.IsWhole(closed);
    if (coverage.open_window.time)
      FUZZ_PROMISE(closed.start_us + coverage.open_window.time->size_us > closed.start_us);
    for (const int64_t counted : closed.counted) FUZZ_PROMISE(counted <= closed.rows);
  }
  // What a reader makes of it, wherever it stands.
  for (const batch::Offset next :
       {coverage.range.first, coverage.range.next, batch::Offset{0}, batch::Offset{INT64_MAX}}) {
    batch::Reader reader(next);
    const batch::Acceptance acceptance = reader.Offer(coverage.range);
    FUZZ_PROMISE(reader.next() >= next);
    FUZZ_PROMISE((reader.next() > next) == (acceptance == batch::Acceptance::kApply));
    FUZZ_PROMISE(reader.gap().has_value() == (acceptance == batch::Acceptance::kGap));
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  Coverage coverage;
  coverage.pipeline = "telemetry";
  coverage.topic = "raw_telemetry";
  coverage.topic_id = "Zx9_vRtSTDyzbfKQF7yR8w";
  coverage.partition = 3;
  coverage.range = {1000, 5096};
  coverage.origin = 7;
  coverage.counts[0] = 4000;
  coverage.counts[3] = 90;
  coverage.contract = {"1.2.3", std::string(64, 'f')};
  seeds.push_back(EncodeCoverage(coverage));
  coverage.watermark_us = -1;
  coverage.newest_timestamp_ms = 1'710'080'555'000;
  coverage.idle = true;
  seeds.push_back(EncodeCoverage(coverage));
  coverage.breaker = {5096, 10'000, 9, batch::Breaker::Cause::kFailureRate, "speed_kmph_maximum"};
  seeds.push_back(EncodeCoverage(coverage));
  coverage.open_window = {1000, std::string(64, 'f'), {{5000, 5096}, 96, 90, {3, 0}}, {}};
  coverage.closed_windows = {{{1000, 2000}, 1000, 990, {7, 1}}, {{2000, 5000}, 900, 900, {0, 900}}};
  seeds.push_back(EncodeCoverage(coverage));
  coverage.open_window = {0,
                          std::string(64, 'f'),
                          {{1000, 5096}, 0, 0, {0, 0}},
                          batch::TimeWindows{60, 90, "at", 250, 0, {{{9, 9}, 9, 9, {0, 9}, 240}}}};
  coverage.closed_windows = {{{7, 2000}, 9, 9, {7, 1}, 60, 3}, {{8, 2000}, 9, 9, {0, 9}, 120}};
  seeds.push_back(EncodeCoverage(coverage));
  coverage.closed_windows.clear();
  coverage.breaker = {5096, 0, 0, batch::Breaker::Cause::kRule, "has_gps_fix"};
  coverage.counts = {};
  coverage.range = {5096, 5096};
  seeds.push_back(EncodeCoverage(coverage));
  coverage.range = {5096, INT64_MAX};
  coverage.lost = true;
  coverage.counts[static_cast<size_t>(batch::Verdict::kLost)] = INT64_MAX - 5096;
  seeds.push_back(EncodeCoverage(coverage));
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const auto coverage = batch::DecodeCoverage(fuzz::View(data, size));
  if (!coverage.ok()) {
    FUZZ_PROMISE(coverage.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  fuzz::CheckCoverage(*coverage);
  const auto again = batch::DecodeCoverage(batch::EncodeCoverage(*coverage));
  FUZZ_PROMISE(again.ok());
  FUZZ_PROMISE(fuzz::Same(*again, *coverage));
  return 0;
}
