#include <algorithm>
#include <functional>

#include "rules/steps.h"

namespace sluice::rules::steps {
namespace {

template <typename F>
void Compare(const Step& step, F f) {
  WithTypeOf(step.instruction.left.repr, [&]<typename T>() { step.MapBoth<uint8_t, T>(f); });
}

bool HasNumber(const ValueSet& set, double value) {
  return std::find(set.numbers.begin(), set.numbers.end(), value) != set.numbers.end();
}

}  // namespace

void Equal(const Step& step) { Compare(step, std::equal_to<>()); }
void NotEqual(const Step& step) { Compare(step, std::not_equal_to<>()); }
void Less(const Step& step) { Compare(step, std::less<>()); }
void LessEqual(const Step& step) { Compare(step, std::less_equal<>()); }
void Greater(const Step& step) { Compare(step, std::greater<>()); }
void GreaterEqual(const Step& step) { Compare(step, std::greater_equal<>()); }

void In(const Step& step) {
  const ValueSet& set = *step.instruction.set;
  switch (step.instruction.left.repr) {
    case Repr::kBool:
      return step.MapLeft<uint8_t, uint8_t>([&](uint8_t v) { return set.integers.contains(v); });
    case Repr::kInt64:
      if (set.numbers.empty()) {
        return step.MapLeft<uint8_t, int64_t>([&](int64_t v) { return set.integers.contains(v); });
      }
      return step.MapLeft<uint8_t, int64_t>([&](int64_t v) {
        return set.integers.contains(v) || HasNumber(set, static_cast<double>(v));
      });
    case Repr::kDouble:
      return step.MapLeft<uint8_t, double>([&](double v) { return HasNumber(set, v); });
    case Repr::kString:
      return step.MapLeft<uint8_t, std::string_view>(
          [&](std::string_view v) { return set.strings.contains(v); });
  }
}

}  // namespace sluice::rules::steps
