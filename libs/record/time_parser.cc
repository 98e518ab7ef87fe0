#include "record/time_parser.h"

#include <cstring>

#include "contract/timestamp.h"

namespace sluice::record {
namespace {

/// A layout of eight characters, compared all at once: the bytes that are 0xFF in `digits` must be
/// digits, the others must equal `layout`.
struct Octet {
  uint64_t digits;
  uint64_t layout;
};

constexpr uint64_t Pack(const char (&text)[9]) {
  uint64_t packed = 0;
  for (int i = 7; i >= 0; --i) packed = packed << 8 | static_cast<unsigned char>(text[i]);
  return packed;
}

/// In `pattern`, '0' stands for a digit, everything else for itself.
constexpr Octet MakeOctet(const char (&pattern)[9]) {
  Octet octet{0, 0};
  for (int i = 7; i >= 0; --i) {
    const bool digit = pattern[i] == '0';
    octet.digits = octet.digits << 8 | (digit ? 0xFFu : 0u);
  }
  octet.layout = Pack(pattern) & ~octet.digits;
  return octet;
}

constexpr Octet kYearMonth = MakeOctet("0000-00-");
constexpr Octet kDayHourMinute = MakeOctet("00T00:00");
constexpr Octet kMonthDay = MakeOctet("00-00-00");  // a date from its third character on

inline uint64_t Load(const char* text) {
  uint64_t word;
  std::memcpy(&word, text, sizeof(word));
  if constexpr (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) word = __builtin_bswap64(word);
  return word;
}

/// A byte is a digit when its high half is 3 and stays 3 after adding 6.
inline bool Fits(uint64_t word, const Octet& octet) {
  const uint64_t threes = 0x3030303030303030u & octet.digits;
  const uint64_t high = 0xF0F0F0F0F0F0F0F0u & octet.digits;
  const uint64_t sixes = 0x0606060606060606u & octet.digits;
  const uint64_t digits = word & octet.digits;
  return (digits & high) == threes && ((digits + sixes) & high) == threes &&
         (word & ~octet.digits) == octet.layout;
}

inline int TwoDigits(const char* text) { return (text[0] - '0') * 10 + (text[1] - '0'); }
inline unsigned Digit(char c) { return static_cast<unsigned char>(c) - unsigned{'0'}; }

constexpr int kDaysInMonth[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

inline bool IsLeap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/// Days since the epoch of a date in the proleptic Gregorian calendar, years 1 to 9999; false when
/// there is no such date.
inline bool ToDays(int year, int month, int day, int32_t* days) {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  if (day > kDaysInMonth[month] && !(month == 2 && day == 29 && IsLeap(year))) return false;
  // Count in years that begin in March, so that the leap day is the last of its year.
  const int y = month <= 2 ? year - 1 : year;
  const int m = month <= 2 ? month + 9 : month - 3;
  const int before_year = 365 * y + y / 4 - y / 100 + y / 400;
  *days = before_year + (153 * m + 2) / 5 + day - 1 - 719'468;
  return true;
}

}  // namespace

bool ParseTimestamp(std::string_view text, int64_t* micros) {
  const char* c = text.data();
  const size_t size = text.size();
  // 19 characters up to the second, up to six digits of fraction behind a point, and `Z`.
  if (size < 20 || size > 27 || c[size - 1] != 'Z' || !Fits(Load(c), kYearMonth) ||
      !Fits(Load(c + 8), kDayHourMinute) || c[16] != ':' || Digit(c[17]) > 5 || Digit(c[18]) > 9) {
    return contract::ParseTimestamp(text, micros);
  }
  int64_t fraction = 0;
  if (size > 20) {
    if (c[19] != '.' || size == 21) return false;
    int64_t unit = 100'000;
    for (size_t i = 20; i + 1 < size; ++i, unit /= 10) {
      if (Digit(c[i]) > 9) return false;
      fraction += Digit(c[i]) * unit;
    }
  }
  const int hour = TwoDigits(c + 11);
  const int minute = TwoDigits(c + 14);
  int32_t days;
  if (hour > 23 || minute > 59 ||
      !ToDays(TwoDigits(c) * 100 + TwoDigits(c + 2), TwoDigits(c + 5), TwoDigits(c + 8), &days)) {
    return false;
  }
  const int64_t seconds = days * int64_t{86'400} + hour * 3600 + minute * 60 + TwoDigits(c + 17);
  *micros = seconds * 1'000'000 + fraction;
  return true;
}

bool ParseDate(std::string_view text, int32_t* days) {
  const char* c = text.data();
  if (text.size() != 10 || Digit(c[0]) > 9 || Digit(c[1]) > 9 || !Fits(Load(c + 2), kMonthDay)) {
    return false;
  }
  return ToDays(TwoDigits(c) * 100 + TwoDigits(c + 2), TwoDigits(c + 5), TwoDigits(c + 8), days);
}

}  // namespace sluice::record
