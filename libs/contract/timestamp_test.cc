#include "contract/timestamp.h"

#include "gtest/gtest.h"

namespace sluice::contract {
namespace {

std::string Rewritten(std::string_view text) {
  int64_t micros = 0;
  if (!ParseTimestamp(text, &micros)) return "refused";
  std::string result;
  AppendTimestamp(micros, &result);
  return result;
}

TEST(Timestamp, Reads) {
  const std::pair<const char*, const char*> cases[] = {
      {"2024-03-10T14:22:35Z", "2024-03-10T14:22:35Z"},
      {"2024-03-10 14:22:35", "2024-03-10T14:22:35Z"},
      {"2024-03-10t14:22:35z", "2024-03-10T14:22:35Z"},
      {"2024-03-10T14:22:35.5Z", "2024-03-10T14:22:35.500Z"},
      {"2024-03-10T14:22:35.123456Z", "2024-03-10T14:22:35.123456Z"},
      {"2024-03-10T14:22:35.123456789Z", "2024-03-10T14:22:35.123456Z"},
      {"2024-03-10T00:22:35+02:00", "2024-03-09T22:22:35Z"},
      {"2024-03-10T14:22:35-0530", "2024-03-10T19:52:35Z"},
      {"2024-03-10T14:22:35+01", "2024-03-10T13:22:35Z"},
      {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
      {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
      {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Rewritten(text), expected) << text;
}

TEST(Timestamp, Refuses) {
  for (const char* text : {"",
                           "2024-03-10",
                           "2024-03-10T14:22",
                           "2024-03-10T14:22:35.Z",
                           "2024-03-10T14:22:35.1234567890Z",
                           "2024-03-10T24:00:00Z",
                           "2024-03-10T14:60:00Z",
                           "2024-03-10T14:22:60Z",
                           "2024-02-30T00:00:00Z",
                           "2023-02-29T00:00:00Z",
                           "2024-13-01T00:00:00Z",
                           "2024-00-01T00:00:00Z",
                           "0000-01-01T00:00:00Z",
                           "24-03-10T14:22:35Z",
                           "2024-3-10T14:22:35Z",
                           "2024-03-10X14:22:35Z",
                           "2024-03-10T14.22.35Z",
                           "2024-03-10T14:22:35+",
                           "2024-03-10T14:22:35+1",
                           "2024-03-10T14:22:35+24:00",
                           "2024-03-10T14:22:35+01:60",
                           "2024-03-10T14:22:35+01:0",
                           "2024-03-10T14:22:35ZZ",
                           "2024-03-10T14:22:35 Z",
                           " 2024-03-10T14:22:35Z",
                           "2024-03-10T14:22:35,5Z",
                           "+2024-03-10T14:22:35Z",
                           "0001-01-01T00:00:00+01:00",
                           "9999-12-31T23:59:59-01:00",
                           "2024-03-10T1a:22:35Z",
                           "1710080555"}) {
    EXPECT_EQ(Rewritten(text), "refused") << text;
  }
}

TEST(Timestamp, KeepsTheTargetWhenRefused) {
  int64_t micros = 42;
  int32_t days = 42;
  EXPECT_FALSE(ParseTimestamp("2024-03-10T14:22:61Z", &micros));
  EXPECT_FALSE(ParseDate("2024-02-30", &days));
  EXPECT_EQ(micros, 42);
  EXPECT_EQ(days, 42);
}

TEST(Date, EveryDayReadsBack) {
  for (int64_t days = -719'162; days <= 2'932'896; ++days) {  // 0001-01-01 to 9999-12-31
    std::string text;
    AppendDate(days, &text);
    int32_t parsed = 0;
    ASSERT_TRUE(ParseDate(text, &parsed)) << text;
    ASSERT_EQ(parsed, days) << text;
  }
}

TEST(Date, WritesWhatIsNoDateOfOursAsANumber) {
  std::string text;
  AppendDate(INT64_MAX, &text);
  AppendTimestamp(INT64_MIN, &text);
  EXPECT_NE(text.find("9223372036854775807 days"), std::string::npos);
}

}  // namespace
}  // namespace sluice::contract
