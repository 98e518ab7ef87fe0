#include "contract/time_format.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "base/strings.h"
#include "contract/timestamp.h"

namespace sluice::contract {
namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;

/// `width` digits at the head of `text`, which are taken off.
bool TakeDigits(std::string_view* text, int width, int* value) {
  if (static_cast<int>(text->size()) < width) return false;
  int result = 0;
  for (int i = 0; i < width; ++i) {
    if (!absl::ascii_isdigit((*text)[i])) return false;
    result = result * 10 + ((*text)[i] - '0');
  }
  text->remove_prefix(width);
  *value = result;
  return true;
}

bool TakeCharacter(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

/// `Z`; as many letters as X, XX or XXX has: +hh[mm], +hhmm, +hh:mm.
bool TakeOffset(std::string_view* text, int width, int64_t* micros) {
  *micros = 0;
  if (TakeCharacter(text, 'Z')) return true;
  const bool west = !text->empty() && text->front() == '-';
  int hours = 0;
  int minutes = 0;
  if (!TakeCharacter(text, west ? '-' : '+') || !TakeDigits(text, 2, &hours)) return false;
  if (width == 3 && !TakeCharacter(text, ':')) return false;
  if (!TakeDigits(text, 2, &minutes) && width > 1) return false;
  if (hours > 23 || minutes > 59) return false;
  *micros = (hours * 60 + minutes) * kMicrosPerMinute * (west ? -1 : 1);
  return true;
}

bool InRange(int64_t micros) {
  return micros >= kMinTimestampMicros && micros <= kMaxTimestampMicros;
}

}  // namespace

std::optional<TimeFormat::Field> TimeFormat::FieldOf(std::string_view letters) {
  struct Known {
    char letter;
    Part part;
    int min_width;
    int max_width;
  };
  static constexpr Known kKnown[] = {
      {'y', Part::kYear, 4, 4},   {'u', Part::kYear, 4, 4},     {'M', Part::kMonth, 2, 2},
      {'d', Part::kDay, 2, 2},    {'H', Part::kHour, 2, 2},     {'m', Part::kMinute, 2, 2},
      {'s', Part::kSecond, 2, 2}, {'S', Part::kFraction, 1, 9}, {'X', Part::kOffset, 1, 3},
  };
  const int width = static_cast<int>(letters.size());
  for (const Known& known : kKnown) {
    if (known.letter == letters[0] && width >= known.min_width && width <= known.max_width)
      return Field{known.part, width, 0};
  }
  return std::nullopt;
}

std::optional<TimeFormat> TimeFormat::Compile(LogicalType type, std::string_view pattern,
                                              std::string* error) {
  TimeFormat format(type);
  const std::string shown = Concat("format \"", pattern.substr(0, 60), "\" is not supported: ");
  for (size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '\'') {
      const size_t close = pattern.find('\'', at + 1);
      if (close == std::string_view::npos) {
        *error = Concat(shown, "its quote is never closed");
        return std::nullopt;
      }
      if (close == at + 1) format.fields_.push_back({Part::kLiteral, 1, '\''});
      for (size_t i = at + 1; i < close; ++i)
        format.fields_.push_back({Part::kLiteral, 1, pattern[i]});
      at = close + 1;
    } else if (absl::ascii_isalpha(c)) {
      const size_t end = std::min(pattern.find_first_not_of(c, at), pattern.size());
      const std::string_view letters = pattern.substr(at, end - at);
      const std::optional<Field> field = FieldOf(letters);
      if (!field.has_value()) {
        *error = Concat(shown, "there is no \"", letters.substr(0, 20),
                        "\" here; use yyyy, MM, dd, HH, mm, ss, S to SSSSSSSSS, X to XXX and "
                        "'text'");
        return std::nullopt;
      }
      if (format.Has(field->part)) {
        *error = Concat(shown, "\"", letters, "\" is a part that it has already");
        return std::nullopt;
      }
      format.fields_.push_back(*field);
      at = end;
    } else if (std::string_view("[]{}#").find(c) != std::string_view::npos) {
      *error = Concat(shown, "\"", std::string(1, c),
                      "\" has no meaning here; a part is always "
                      "there, or never");
      return std::nullopt;
    } else {
      format.fields_.push_back({Part::kLiteral, 1, c});
      ++at;
    }
  }
  if (std::string mistake = format.Mistake(); !mistake.empty()) {
    *error = Concat(shown, mistake);
    return std::nullopt;
  }
  return format;
}

bool TimeFormat::Has(Part part) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& field) { return field.part == part; });
}

bool TimeFormat::has_offset() const { return Has(Part::kOffset); }

std::string TimeFormat::Mistake() const {
  const bool day = Has(Part::kYear) && Has(Part::kMonth) && Has(Part::kDay);
  const bool any_day = Has(Part::kYear) || Has(Part::kMonth) || Has(Part::kDay);
  const bool clock = Has(Part::kHour) || Has(Part::kMinute) || Has(Part::kSecond) ||
                     Has(Part::kFraction) || Has(Part::kOffset);
  if (type_ != LogicalType::kTime && !day) return "it needs yyyy, MM and dd";
  if (type_ == LogicalType::kDate && clock) return "a date has no time; use logicalType timestamp";
  if (type_ == LogicalType::kTime && any_day)
    return "a time has no date; use logicalType timestamp";
  if (type_ == LogicalType::kTime && !Has(Part::kHour)) return "it needs HH";
  if (type_ == LogicalType::kTime && Has(Part::kOffset)) return "a time has no offset";
  if (Has(Part::kMinute) && !Has(Part::kHour)) return "mm needs HH";
  if (Has(Part::kSecond) && !Has(Part::kMinute)) return "ss needs mm";
  if (Has(Part::kFraction) && !Has(Part::kSecond)) return "S needs ss";
  return "";
}

bool TimeFormat::Parse(std::string_view text, int64_t* value) const {
  return has_pattern() ? ParsePattern(text, value) : ParseIso(text, offset_, value);
}

bool TimeFormat::ParseBound(std::string_view text, int64_t* value) const {
  if (has_pattern()) return ParsePattern(text, value);
  int32_t days = 0;
  if (type_ == LogicalType::kTimestamp && ParseDate(text, &days)) {
    const int64_t micros = days * kMicrosPerDay - default_offset_;
    if (!InRange(micros)) return false;
    *value = micros;
    return true;
  }
  return ParseIso(text, Offset::kOptional, value);
}

bool TimeFormat::ParseIso(std::string_view text, Offset offset, int64_t* value) const {
  int32_t days = 0;
  int64_t micros = 0;
  switch (type_) {
    case LogicalType::kDate:
      if (!ParseDate(text, &days)) return false;
      *value = days;
      return true;
    case LogicalType::kTime:
      return ParseTimeOfDay(text, value);
    default:
      break;
  }
  // Date and time take 19 characters, and only an offset has one of these behind them.
  const bool has_offset = text.find_first_of("Zz+-", 19) != std::string_view::npos;
  if (offset == Offset::kRequired && !has_offset) return false;
  if (offset == Offset::kNone && has_offset) return false;
  if (!ParseTimestamp(text, &micros)) return false;
  if (!has_offset) micros -= default_offset_;
  if (!InRange(micros)) return false;
  *value = micros;
  return true;
}

bool TimeFormat::ParsePattern(std::string_view text, int64_t* value) const {
  int parts[static_cast<int>(Part::kOffset) + 1] = {};
  int64_t fraction = 0;
  int64_t offset = default_offset_;
  for (const Field& field : fields_) {
    switch (field.part) {
      case Part::kLiteral:
        if (!TakeCharacter(&text, field.literal)) return false;
        break;
      case Part::kOffset:
        if (!TakeOffset(&text, field.width, &offset)) return false;
        break;
      default: {
        int& part = parts[static_cast<int>(field.part)];
        if (!TakeDigits(&text, field.width, &part)) return false;
        if (field.part != Part::kFraction) break;
        fraction = part;
        for (int width = field.width; width < 6; ++width) fraction *= 10;
        for (int width = field.width; width > 6; --width) fraction /= 10;
      }
    }
  }
  if (!text.empty()) return false;
  const auto of = [&](Part part) { return parts[static_cast<int>(part)]; };
  if (of(Part::kHour) > 23 || of(Part::kMinute) > 59 || of(Part::kSecond) > 59) return false;
  const int64_t in_day =
      ((of(Part::kHour) * 60 + of(Part::kMinute)) * 60 + of(Part::kSecond)) * kMicrosPerSecond +
      fraction;
  if (type_ == LogicalType::kTime) {
    *value = in_day;
    return true;
  }
  const std::chrono::year_month_day date{std::chrono::year(of(Part::kYear)),
                                         std::chrono::month(of(Part::kMonth)),
                                         std::chrono::day(of(Part::kDay))};
  if (of(Part::kYear) == 0 || !date.ok()) return false;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t micros = days * kMicrosPerDay + in_day - offset;
  if (type_ == LogicalType::kTimestamp && !InRange(micros)) return false;
  *value = type_ == LogicalType::kDate ? days : micros;
  return true;
}

std::optional<int64_t> ParseFixedOffset(std::string_view zone) {
  for (std::string_view utc : {"Z", "UTC", "UT", "GMT", "Etc/UTC", "Etc/GMT"}) {
    if (zone == utc) return 0;
  }
  int hours = 0;
  if (absl::StartsWith(AbslView(zone), "Etc/GMT") && zone.size() > 8 &&
      (zone[7] == '+' || zone[7] == '-') && absl::ascii_isdigit(zone[8])) {
    if (!absl::SimpleAtoi(AbslView(zone.substr(8)), &hours) || hours > 14) return std::nullopt;
    return hours * 60 * kMicrosPerMinute * (zone[7] == '+' ? -1 : 1);  // POSIX counts to the west
  }
  if (absl::StartsWith(AbslView(zone), "UTC") || absl::StartsWith(AbslView(zone), "GMT"))
    zone.remove_prefix(3);
  int64_t offset = 0;
  if (zone == "Z" || !TakeOffset(&zone, 3, &offset) || !zone.empty()) return std::nullopt;
  return offset;
}

}  // namespace sluice::contract
