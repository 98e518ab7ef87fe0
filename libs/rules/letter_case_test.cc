#include "rules/letter_case.h"

#include "gtest/gtest.h"

namespace sluice::rules {
namespace {

std::string Lower(std::string_view text) {
  std::string out = "x";
  AppendLower(text, &out);
  return out.substr(1);
}

std::string Upper(std::string_view text) {
  std::string out;
  AppendUpper(text, &out);
  return out;
}

TEST(LetterCase, MapsLettersOfManyScripts) {
  EXPECT_EQ(Lower("@AZ[ `az{ 09"), "@az[ `az{ 09");
  EXPECT_EQ(Upper("@AZ[ `az{ 09"), "@AZ[ `AZ{ 09");
  EXPECT_EQ(Lower("ÄÖÜ ÀÞ × ÷ Ÿ"), "äöü àþ × ÷ ÿ");
  EXPECT_EQ(Upper("äöü àþ × ÷ ÿ"), "ÄÖÜ ÀÞ × ÷ Ÿ");
  EXPECT_EQ(Lower("ŽŠĀĂ"), "žšāă");
  EXPECT_EQ(Upper("žšāă"), "ŽŠĀĂ");
  EXPECT_EQ(Lower("ΑΒΓΩΣ"), "αβγωσ");
  EXPECT_EQ(Upper("αβγωσς"), "ΑΒΓΩΣΣ");
  EXPECT_EQ(Lower("АЯЁЖ"), "аяёж");
  EXPECT_EQ(Upper("аяёж"), "АЯЁЖ");
  EXPECT_EQ(Lower("\U00010400"), "\U00010428");  // Deseret: four bytes
  EXPECT_EQ(Upper("\U00010428"), "\U00010400");
  EXPECT_EQ(Lower("日本 \U0001F697"), "日本 \U0001F697");
}

TEST(LetterCase, LengthInBytesMayChange) {
  EXPECT_EQ(Lower("\u1e9e\u212a"), "ßk");  // three bytes to two; the Kelvin sign to one
  EXPECT_EQ(Upper("\u0131\u017f"), "IS");  // two bytes to one
  EXPECT_EQ(Upper("ɐ"), "Ɐ");              // two bytes to three
}

TEST(LetterCase, WhatIsNotOneCharacterStays) {
  EXPECT_EQ(Upper("ß ŉ ﬁ"), "ß ŉ ﬁ");
  EXPECT_EQ(Lower("İ"), "İ");
}

TEST(LetterCase, TwiceIsOnce) {
  int changed = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    ASSERT_TRUE(ToLower(ToLower(c)) == ToLower(c)) << static_cast<uint32_t>(c);
    ASSERT_TRUE(ToUpper(ToUpper(c)) == ToUpper(c)) << static_cast<uint32_t>(c);
    ASSERT_TRUE(ToLower(c) < 0x110000 && ToUpper(c) < 0x110000);
    changed += ToLower(c) != c;
  }
  EXPECT_EQ(changed, 26 + 1406);
}

}  // namespace
}  // namespace sluice::rules
