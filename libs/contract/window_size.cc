#include "contract/window_size.h"

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/duration.h"

namespace sluice::contract {
namespace {

constexpr int64_t kMaxRecords = 1'000'000'000;
constexpr absl::Duration kMinTime = absl::Seconds(1);
constexpr absl::Duration kMaxTime = absl::Hours(24 * 31);

}  // namespace

std::string SetWindowSize(std::string_view text, int64_t min_records, WindowSize* size) {
  constexpr std::string_view kUnit = " records";
  const bool unit = text.size() > kUnit.size() && text.substr(text.size() - kUnit.size()) == kUnit;
  int64_t records = 0;
  if (absl::SimpleAtoi(AbslView(text.substr(0, text.size() - (unit ? kUnit.size() : 0))),
                       &records) &&
      min_records <= records && records <= kMaxRecords) {
    *size = {records, absl::ZeroDuration()};
    return "";
  }
  const absl::StatusOr<absl::Duration> time = ParseDuration(text);
  if (time.ok() && kMinTime <= *time && *time <= kMaxTime) {
    *size = {0, *time};
    return "";
  }
  return Concat("must be ", min_records, " to ", kMaxRecords,
                " records, or event time from 1 second to 31 days");
}

}  // namespace sluice::contract
