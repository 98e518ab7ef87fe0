#include "sluicectl/table.h"

#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

TEST(JsonTest, KeepsTheOrderOfMembersAndEscapes) {
  Json json = Json::Object();
  json.Set("b", 1).Set("a", "x\"\n").Set("list", Json::Array().Add(true).Add(Json()).Add(0.5));
  json.Set("raw", Json::Raw(R"({"k":1})"));
  EXPECT_EQ(json.Dump(),
            R"({"b": 1, "a": "x\"\u000a", "list": [true, null, 0.5], "raw": {"k":1}})");
}

TEST(JsonTest, TextCannotDriveATerminal) {
  EXPECT_EQ(Json("say \"hi\"").Text(), "say \"hi\"");
  EXPECT_EQ(Json(std::string_view("\x1b[31m")).Text().find('\x1b'), std::string::npos);
  EXPECT_EQ(Json().Text(), "-");
  EXPECT_EQ(Json(-7).Text(), "-7");
}

TEST(TableTest, AlignsNumbersRightAndTextLeft) {
  Table table({"name", "per_second"});
  table.AddRow({"a", 5});
  table.AddRow({"longer", Json()});
  table.AddRow({"\xc3\xa4", 12345});
  EXPECT_EQ(table.ToText(),
            "NAME    PER SECOND\n"
            "a                5\n"
            "longer           -\n"
            "\xc3\xa4            12345\n");
}

TEST(TableTest, AsJsonItIsAnArrayOfObjects) {
  Table table({"name", "count"});
  EXPECT_EQ(table.ToJson().Dump(), "[]");
  table.AddRow({"a", 5});
  EXPECT_EQ(table.ToJson().Dump(), R"([{"name": "a", "count": 5}])");
}

}  // namespace
}  // namespace sluice::sluicectl
