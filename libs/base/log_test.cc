#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace sluice::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kTime = absl::FromUnixMillis(1700000000123);

std::string Text(std::string_view message, Fields fields) {
  return FormatLine(Format::kText, kTime, Level::kInfo, "qc", "host-1", message, fields);
}
std::string Json(std::string_view message, Fields fields) {
  return FormatLine(Format::kJson, kTime, Level::kWarn, "qc", "host-1", message, fields);
}

TEST(LogTest, TextIsOneReadableLine) {
  EXPECT_EQ(Text("batch sent", {{"partition", 3}, {"offset", int64_t{17}}, {"topic", "raw"}}),
            "2023-11-14T22:13:20.123Z info  qc: batch sent partition=3 offset=17 topic=raw");
}

TEST(LogTest, JsonIsOneObject) {
  EXPECT_EQ(
      Json("slow", {{"wait", absl::Milliseconds(1500)}, {"ok", false}, {"ratio", 0.5}}),
      R"({"ts":"2023-11-14T22:13:20.123Z","level":"warn","msg":"slow","service":"qc","instance":"host-1",)"
      R"("wait":"1.5s","ok":false,"ratio":0.5})");
}

TEST(LogTest, TextQuotesWhatWouldBeAmbiguous) {
  EXPECT_THAT(Text("x", {{"a", "two words"}}), HasSubstr(R"( a="two words")"));
  EXPECT_THAT(Text("x", {{"a", ""}}), HasSubstr(R"( a="")"));
  EXPECT_THAT(Text("x", {{"a", "k=v"}}), HasSubstr(R"( a="k=v")"));
  EXPECT_THAT(Text("x", {{"a", R"(say "hi" \)"}}), HasSubstr(R"( a="say \"hi\" \\")"));
}

TEST(LogTest, ControlCharactersCannotForgeALine) {
  const std::string hostile = "a\nlevel=error\r\x1b[31m\x7f\xc2\x9b";
  for (const std::string& line :
       {Text(hostile, {{"f", hostile}}), Json(hostile, {{"f", hostile}})}) {
    for (const unsigned char c : line) EXPECT_GE(c, 0x20u) << line;
    EXPECT_THAT(line, HasSubstr(R"(a\nlevel=error\u000d\u001b[31m\u007f\u009b)"));
  }
}

TEST(LogTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_THAT(Json("x", {{"f", "ok \xc3\xa4 bad \xff\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"}}),
              HasSubstr("ok \xc3\xa4 bad \\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"));
}

TEST(LogTest, JsonHasNoNumberItCannotHold) {
  EXPECT_THAT(Json("x", {{"f", std::numeric_limits<double>::quiet_NaN()}}),
              HasSubstr(R"("f":"nan")"));
}

TEST(LogTest, LevelCanChangeAtRunTime) {
  std::vector<std::string> lines;
  SetSinkForTesting([&](std::string_view line) { lines.emplace_back(line); });
  SetLevel(Level::kError);
  Warn("hidden");
  SetLevel(Level::kDebug);
  Debug("shown");
  SetLevel(Level::kInfo);
  Debug("hidden");
  SetSinkForTesting(nullptr);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("shown")));
}

TEST(LogTest, NamesRoundTrip) {
  for (const char* name : kLevelNames)
    EXPECT_EQ(kLevelNames[static_cast<int>(*ParseLevel(name))], std::string(name));
  EXPECT_FALSE(ParseLevel("loud").has_value());
  EXPECT_FALSE(ParseFormat("xml").has_value());
}

TEST(LimiterTest, CountsWhatItLeavesOut) {
  Limiter limiter(absl::Seconds(10));
  EXPECT_EQ(limiter.Admit(kTime), 0);
  EXPECT_EQ(limiter.Admit(kTime + absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(limiter.Admit(kTime + absl::Seconds(9)), std::nullopt);
  EXPECT_EQ(limiter.Admit(kTime + absl::Seconds(10)), 2);
  EXPECT_EQ(limiter.Admit(kTime + absl::Seconds(20)), 0);
}

}  // namespace
}  // namespace sluice::log
