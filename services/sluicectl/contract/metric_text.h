#pragma once
// The values of metrics, and the windows they are of, for people.

#include <cstdint>
#include <string>

namespace sluice::sluicectl {

std::string NumberText(double number);
/// "2024-03-10T08:00:00Z"
std::string TimeText(int64_t micros);

/// What a metric is over windows, "0.5 to 7"; empty: over none. `Values` has windows, lowest and
/// highest.
template <typename Values>
std::string RangeText(const Values& values) {
  if (values.windows == 0) return "";
  std::string lowest = NumberText(values.lowest);
  const std::string highest = NumberText(values.highest);
  return lowest == highest ? lowest : lowest + " to " + highest;
}

}  // namespace sluice::sluicectl
