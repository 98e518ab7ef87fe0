#pragma once
// Parts of days and of times, total over all integers that can come up.

#include <cstdint>

#include "contract/expression.h"
#include "contract/timestamp.h"

namespace sluice::rules {

inline int64_t FloorDivide(int64_t value, int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

/// Since midnight.
inline int64_t MicrosInDay(int64_t micros) {
  return micros - FloorDivide(micros, contract::kMicrosPerDay) * contract::kMicrosPerDay;
}

struct CivilDate {
  int64_t year;
  int64_t month;
  int64_t day;
};

/// `days` since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March 0000,
/// in eras of 400 years, so that a leap day is the last of its year.
inline CivilDate ToCivil(int64_t days) {
  days += 719'468;
  const int64_t era = FloorDivide(days, 146'097);
  const int64_t in_era = days - era * 146'097;
  const int64_t year = (in_era - in_era / 1'460 + in_era / 36'524 - in_era / 146'096) / 365;
  const int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
  const int64_t march = (5 * in_year + 2) / 153;  // months since March
  const int64_t month = march < 10 ? march + 3 : march - 9;
  return {year + era * 400 + (month <= 2 ? 1 : 0), month, in_year - (153 * march + 2) / 5 + 1};
}

/// 1 on the first of January.
inline int64_t DayOfYear(int64_t days) {
  const CivilDate date = ToCivil(days);
  const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
  const int64_t before = (153 * (date.month - 3) + 2) / 5;  // days of whole months from March on
  return date.month <= 2 ? (date.month - 1) * 31 + date.day : before + 59 + leap + date.day;
}

/// Monday is 1.
inline int64_t IsoDayOfWeek(int64_t days) { return (days + 3) - FloorDivide(days + 3, 7) * 7 + 1; }

}  // namespace sluice::rules
