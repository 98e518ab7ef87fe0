#include "rules/affix.h"

#include <gtest/gtest.h>

namespace sluice::rules {
namespace {

/// The affix as "^text$", with ^ where it begins and $ where it ends; "none".
std::string Of(std::string_view pattern) {
  const std::optional<Affix> affix = AffixOf(pattern);
  if (!affix) return "none";
  return (affix->begins ? "^" : "") + affix->text + (affix->ends ? "$" : "");
}

TEST(AffixOfTest, HasPercentSignsAtItsEndsOnly) {
  EXPECT_EQ(Of("abc"), "^abc$");
  EXPECT_EQ(Of("abc%"), "^abc");
  EXPECT_EQ(Of("%abc"), "abc$");
  EXPECT_EQ(Of("%abc%"), "abc");
  EXPECT_EQ(Of("%%abc%%"), "abc");
  EXPECT_EQ(Of("a%c"), "none");
  EXPECT_EQ(Of("a_c"), "none");
  EXPECT_EQ(Of("abc%_"), "none");
}

TEST(AffixOfTest, MayBeEmpty) {
  EXPECT_EQ(Of(""), "^$");
  EXPECT_EQ(Of("%"), "$") << "everything ends with nothing";
}

TEST(AffixOfTest, WhatIsEscapedStandsForItself) {
  EXPECT_EQ(Of(R"(\%a\_\\%)"), R"(^%a_\)");
  EXPECT_EQ(Of(R"(a\%)"), "^a%$");
}

TEST(AffixTest, FitsWhatHasItInItsPlace) {
  const auto fits = [](std::string_view pattern, std::string_view value) {
    return AffixOf(pattern)->Fits(value);
  };
  EXPECT_TRUE(fits("ab", "ab"));
  EXPECT_FALSE(fits("ab", "abc"));
  EXPECT_TRUE(fits("ab%", "abc"));
  EXPECT_FALSE(fits("ab%", "cab"));
  EXPECT_TRUE(fits("%ab", "cab"));
  EXPECT_FALSE(fits("%ab", "b"));
  EXPECT_TRUE(fits("%ab%", "cabc"));
  EXPECT_FALSE(fits("%ab%", "acb"));
  EXPECT_TRUE(fits("%", ""));
  EXPECT_FALSE(fits("", "a"));
}

}  // namespace
}  // namespace sluice::rules
