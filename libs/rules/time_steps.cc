#include "contract/timestamp.h"
#include "rules/arithmetic.h"
#include "rules/calendar.h"
#include "rules/steps.h"

namespace sluice::rules::steps {

using contract::kMicrosPerDay;
using contract::kMicrosPerSecond;

void DaysToMicros(const Step& step) {
  step.MapLeft<int64_t, int64_t>(
      [](int64_t days) { return SaturatingMultiply(days, kMicrosPerDay); });
}

void MicrosToDays(const Step& step) {
  step.MapLeft<int64_t, int64_t>([](int64_t micros) { return FloorDivide(micros, kMicrosPerDay); });
}

void MicrosInDay(const Step& step) { step.MapLeft<int64_t, int64_t>(rules::MicrosInDay); }

void MicrosToSeconds(const Step& step) {
  step.MapLeft<double, int64_t>([](int64_t micros) { return static_cast<double>(micros) / 1e6; });
}

void Part(const Step& step) {
  using contract::TimePart;
  const auto map = [&](auto f) { step.MapLeft<int64_t, int64_t>(f); };
  switch (step.instruction.part) {
    case TimePart::kYear:
      return map([](int64_t days) { return ToCivil(days).year; });
    case TimePart::kQuarter:
      return map([](int64_t days) { return (ToCivil(days).month + 2) / 3; });
    case TimePart::kMonth:
      return map([](int64_t days) { return ToCivil(days).month; });
    case TimePart::kDay:
      return map([](int64_t days) { return ToCivil(days).day; });
    case TimePart::kIsoDayOfWeek:
      return map(IsoDayOfWeek);
    case TimePart::kDayOfYear:
      return map(DayOfYear);
    case TimePart::kHour:
      return map([](int64_t micros) { return micros / (3600 * kMicrosPerSecond); });
    case TimePart::kMinute:
      return map([](int64_t micros) { return micros / (60 * kMicrosPerSecond) % 60; });
    case TimePart::kSecond:
      return map([](int64_t micros) { return micros / kMicrosPerSecond % 60; });
  }
}

}  // namespace sluice::rules::steps
