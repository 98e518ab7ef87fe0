#include "record/time_parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <string>

#include "contract/timestamp.h"

namespace sluice::record {
namespace {

using std::string_literals::operator""s;

std::string DateText(int64_t days) {
  std::string text;
  contract::AppendDate(days, &text);
  return text;
}

TEST(TimeParserTest, EveryDayOfTheCalendar) {
  const int first = -719'162;  // 0001-01-01
  const int last = 2'932'896;  // 9999-12-31
  for (int day = first; day <= last; ++day) {
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
    char text[16];
    std::snprintf(text, sizeof(text), "%04d-%02u-%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    int32_t days = 0;
    ASSERT_TRUE(ParseDate(std::string_view(text, 10), &days)) << text;
    ASSERT_EQ(days, day) << text;
  }
}

TEST(TimeParserTest, NoOtherDays) {
  int accepted = 0;
  for (int year : {0, 1, 1900, 2000, 2023, 2024, 2100, 9999}) {
    for (int month = 0; month <= 99; ++month) {
      for (int day = 0; day <= 99; ++day) {
        char text[32];
        std::snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
        int32_t days = 0;
        accepted += ParseDate(text, &days) ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(accepted, 7 * 365 + 2);
}

TEST(TimeParserTest, FractionsOfTheFastLayout) {
  const std::string whole = "2024-03-10T14:22:35";
  const int64_t base = 1'710'080'555'000'000;
  int64_t micros = 0;
  ASSERT_TRUE(ParseTimestamp(whole + "Z", &micros));
  EXPECT_EQ(micros, base);
  const int expected[] = {100'000, 120'000, 123'000, 123'400, 123'450, 123'456};
  for (int digits = 1; digits <= 6; ++digits) {
    ASSERT_TRUE(
        ParseTimestamp(whole + "." + std::string("123456").substr(0, digits) + "Z", &micros));
    EXPECT_EQ(micros, base + expected[digits - 1]);
  }
}

TEST(TimeParserTest, RefusalLeavesTheResult) {
  int64_t micros = 5;
  int32_t days = 6;
  EXPECT_FALSE(ParseTimestamp("2024-02-30T00:00:00Z", &micros));
  EXPECT_FALSE(ParseDate("2024-02-30", &days));
  EXPECT_EQ(micros, 5);
  EXPECT_EQ(days, 6);
}

// The fast paths must accept the same texts, with the same result, as the functions that define
// them.
TEST(TimeParserTest, AgreesWithTheContract) {
  std::mt19937_64 random(42);
  const std::string alphabet = "0123456789-:.TtZz +,\xff\0/;"s + static_cast<char>(0x80);
  int accepted = 0;
  for (int i = 0; i < 400'000; ++i) {
    std::string text = DateText(static_cast<int64_t>(random() % 3'652'059) - 719'162);
    char clock[48];
    std::snprintf(clock, sizeof(clock), "T%02d:%02d:%02d", static_cast<int>(random() % 25),
                  static_cast<int>(random() % 61), static_cast<int>(random() % 61));
    text += clock;
    if (const int digits = static_cast<int>(random() % 11)) {
      text += '.';
      for (int d = 0; d < digits; ++d) text += static_cast<char>('0' + random() % 10);
    }
    const char* const zones[] = {"Z", "Z", "Z", "", "+01:00", "-0530", "+23", "z"};
    text += zones[random() % 8];
    for (int edits = static_cast<int>(random() % 3); edits > 0; --edits) {
      const size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, c);
      }
    }
    int64_t fast = -7;
    int64_t slow = -7;
    ASSERT_EQ(ParseTimestamp(text, &fast), contract::ParseTimestamp(text, &slow)) << text;
    ASSERT_EQ(fast, slow) << text;
    accepted += fast != -7 ? 1 : 0;
    int32_t fast_days = -7;
    int32_t slow_days = -7;
    const std::string date = text.substr(0, 10);
    ASSERT_EQ(ParseDate(date, &fast_days), contract::ParseDate(date, &slow_days)) << date;
    ASSERT_EQ(fast_days, slow_days) << date;
  }
  EXPECT_GT(accepted, 100'000);
}

}  // namespace
}  // namespace sluice::record
