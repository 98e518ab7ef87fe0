#include "contract/duration.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace sluice::contract {
namespace {

struct Unit {
  std::string_view name;
  absl::Duration value;
};

std::string_view SkipSpace(std::string_view text) {
  return StdView(absl::StripLeadingAsciiWhitespace(AbslView(text)));
}

}  // namespace

absl::Duration DurationUnit(std::string_view name) {
  static const Unit kUnits[] = {
      {"us", absl::Microseconds(1)}, {"microsecond", absl::Microseconds(1)},
      {"ms", absl::Milliseconds(1)}, {"millisecond", absl::Milliseconds(1)},
      {"s", absl::Seconds(1)},       {"second", absl::Seconds(1)},
      {"m", absl::Minutes(1)},       {"minute", absl::Minutes(1)},
      {"h", absl::Hours(1)},         {"hour", absl::Hours(1)},
      {"d", absl::Hours(24)},        {"day", absl::Hours(24)},
      {"w", absl::Hours(24 * 7)},    {"week", absl::Hours(24 * 7)},
  };
  for (const Unit& unit : kUnits) {
    if (unit.name == name || (unit.name.size() > 2 && name == Concat(unit.name, "s")))
      return unit.value;
  }
  return absl::ZeroDuration();
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(Concat(
      "\"", text.substr(0, 60), "\" is no duration; write 500ms, 10m, 1h30m, 10 minutes or 1 day"));
  std::string_view rest = StdView(absl::StripAsciiWhitespace(AbslView(text)));
  if (rest == "0") return absl::ZeroDuration();
  if (rest.empty()) return error;
  absl::Duration sum;
  while (!rest.empty()) {
    size_t digits = 0;
    while (digits < rest.size() && (absl::ascii_isdigit(rest[digits]) || rest[digits] == '.'))
      ++digits;
    double count = 0;
    if (digits == 0 || digits > 18 || !absl::SimpleAtod(AbslView(rest.substr(0, digits)), &count))
      return error;
    rest = SkipSpace(rest.substr(digits));
    size_t letters = 0;
    while (letters < rest.size() && absl::ascii_isalpha(rest[letters])) ++letters;
    const absl::Duration unit =
        DurationUnit(absl::AsciiStrToLower(AbslView(rest.substr(0, letters))));
    if (unit == absl::ZeroDuration()) return error;
    sum += count * unit;
    rest = SkipSpace(rest.substr(letters));
  }
  if (sum > kLongestDuration) return error;
  return sum;
}

absl::StatusOr<int64_t> ParseBytes(std::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(
      Concat("\"", text.substr(0, 60), "\" is no size; write 65536, 64 KiB or 1 MiB"));
  std::string_view rest = StdView(absl::StripAsciiWhitespace(AbslView(text)));
  size_t digits = 0;
  while (digits < rest.size() && absl::ascii_isdigit(rest[digits])) ++digits;
  int64_t count = 0;
  if (!absl::SimpleAtoi(AbslView(rest.substr(0, digits)), &count)) return error;
  const std::string_view unit = SkipSpace(rest.substr(digits));
  int shift = -1;
  if (unit.empty() || unit == "B") shift = 0;
  if (unit == "KiB") shift = 10;
  if (unit == "MiB") shift = 20;
  if (unit == "GiB") shift = 30;
  if (shift < 0 || count > (std::numeric_limits<int64_t>::max() >> shift)) return error;
  return count << shift;
}

}  // namespace sluice::contract
