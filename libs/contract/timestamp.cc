#include "contract/timestamp.h"

#include <chrono>
#include <cstdio>

namespace sluice::contract {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// `width` digits at `text[at]`; the caller has checked the length.
bool Digits(std::string_view text, size_t at, int width, int* value) {
  int result = 0;
  for (int i = 0; i < width; ++i) {
    if (!IsDigit(text[at + i])) return false;
    result = result * 10 + (text[at + i] - '0');
  }
  *value = result;
  return true;
}

/// `Z`, `+hh:mm`, `+hhmm`, `+hh` or nothing.
bool ParseOffset(std::string_view text, int64_t* micros) {
  *micros = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  if (text[0] != '+' && text[0] != '-') return false;
  int hours = 0;
  int minutes = 0;
  const bool is_long = text.size() == 6 && text[3] == ':';
  if (!is_long && text.size() != 5 && text.size() != 3) return false;
  if (!Digits(text, 1, 2, &hours)) return false;
  if (text.size() > 3 && !Digits(text, is_long ? 4 : 3, 2, &minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  *micros = (hours * 60 + minutes) * 60 * kMicrosPerSecond;
  if (text[0] == '-') *micros = -*micros;
  return true;
}

/// `hh:mm[:ss[.f]]` at the head of `text`: how long it is, and the microseconds since midnight.
bool ParseClock(std::string_view text, size_t* length, int64_t* micros) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (text.size() < 5 || text[2] != ':') return false;
  if (!Digits(text, 0, 2, &hour) || !Digits(text, 3, 2, &minute)) return false;
  size_t at = 5;
  int64_t fraction = 0;
  if (text.size() >= 8 && text[5] == ':') {
    if (!Digits(text, 6, 2, &second)) return false;
    at = 8;
  }
  if (at == 8 && at < text.size() && text[at] == '.') {
    int64_t unit = kMicrosPerSecond / 10;
    const size_t start = ++at;
    for (; at < text.size() && IsDigit(text[at]) && at - start < 9; ++at, unit /= 10) {
      fraction += (text[at] - '0') * unit;
    }
    if (at == start) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *length = at;
  *micros = ((hour * 60 + minute) * 60 + second) * kMicrosPerSecond + fraction;
  return true;
}

void AppendClock(int64_t in_day, std::string* text) {
  const int seconds = static_cast<int>(in_day / kMicrosPerSecond);
  const int fraction = static_cast<int>(in_day % kMicrosPerSecond);
  char buffer[48];
  int length = std::snprintf(buffer, sizeof buffer, "%02d:%02d:%02d", seconds / 3600,
                             seconds / 60 % 60, seconds % 60);
  text->append(buffer, length);
  if (fraction != 0) {
    length = fraction % 1000 == 0 ? std::snprintf(buffer, sizeof buffer, ".%03d", fraction / 1000)
                                  : std::snprintf(buffer, sizeof buffer, ".%06d", fraction);
    text->append(buffer, length);
  }
}

int64_t FloorDivide(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

}  // namespace

bool ParseDate(std::string_view text, int32_t* days) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  int year = 0;
  int month = 0;
  int day = 0;
  if (!Digits(text, 0, 4, &year) || !Digits(text, 5, 2, &month) || !Digits(text, 8, 2, &day))
    return false;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (year == 0 || !date.ok()) return false;
  *days = static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return true;
}

bool ParseTimestamp(std::string_view text, int64_t* micros) {
  int32_t days = 0;
  if (text.size() < 19 || !ParseDate(text.substr(0, 10), &days)) return false;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return false;
  if (text[13] != ':' || text[16] != ':') return false;
  size_t length = 0;
  int64_t in_day = 0;
  if (!ParseClock(text.substr(11), &length, &in_day)) return false;
  int64_t offset = 0;
  if (!ParseOffset(text.substr(11 + length), &offset)) return false;
  const int64_t result = days * kMicrosPerDay + in_day - offset;
  if (result < kMinTimestampMicros || result > kMaxTimestampMicros) return false;
  *micros = result;
  return true;
}

bool ParseTimeOfDay(std::string_view text, int64_t* micros) {
  size_t length = 0;
  int64_t parsed = 0;
  if (!ParseClock(text, &length, &parsed) || length != text.size()) return false;
  *micros = parsed;
  return true;
}

void AppendDate(int64_t days, std::string* text) {
  // chrono's year is 16 bits wide; nothing outside of this is a date of ours.
  if (days < -12'000'000 || days > 11'000'000) {
    text->append(std::to_string(days)).append(" days");
    return;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  char buffer[32];
  const int length =
      std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  text->append(buffer, length);
}

void AppendTimestamp(int64_t micros, std::string* text) {
  const int64_t days = FloorDivide(micros, kMicrosPerDay);
  const int64_t in_day = micros % kMicrosPerDay + (micros % kMicrosPerDay < 0 ? kMicrosPerDay : 0);
  AppendDate(days, text);
  text->push_back('T');
  AppendClock(in_day, text);
  text->push_back('Z');
}

void AppendTimeOfDay(int64_t micros, std::string* text) { AppendClock(micros, text); }

}  // namespace sluice::contract
