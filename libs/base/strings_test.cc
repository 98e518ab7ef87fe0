#include "base/strings.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(StringsTest, ConcatTakesBothKindsOfView) {
  const std::string_view standard = "standard";
  const absl::string_view abseil = "abseil";
  EXPECT_EQ(Concat(standard, "/", abseil, "/", std::string("text"), "/", 7, "/", int64_t{-1}),
            "standard/abseil/text/7/-1");
}

TEST(StringsTest, ViewsConvertBothWaysWithTheirLength) {
  const std::string_view text("a\0b", 3);
  EXPECT_EQ(StdView(AbslView(text)), text);
  EXPECT_EQ(AbslView(std::string_view()).size(), 0u);
}

TEST(StringsTest, AppendKeepsWhatIsThere) {
  std::string out = "a";
  Append(&out, std::string_view("b"), 1);
  EXPECT_EQ(out, "ab1");
}

}  // namespace
}  // namespace sluice
