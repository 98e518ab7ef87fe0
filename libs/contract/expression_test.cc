#include <sstream>

#include "base/strings.h"
#include "contract/case_file_for_test.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"
#include "gtest/gtest.h"

namespace sluice::contract {
namespace {

std::vector<Column> Columns() {
  const std::pair<const char*, LogicalType> columns[] = {
      {"i", LogicalType::kInteger},       {"x", LogicalType::kNumber},
      {"s", LogicalType::kString},        {"b", LogicalType::kBoolean},
      {"d", LogicalType::kDate},          {"t", LogicalType::kTimestamp},
      {"odd name", LogicalType::kString}, {"and", LogicalType::kBoolean},
  };
  std::vector<Column> result;
  for (const auto& [name, type] : columns) {
    result.emplace_back();
    result.back().name = name;
    result.back().type = type;
  }
  // Members of objects, and a name with a dot.
  for (const char* name : {"o.s", "o.p.s", "o.odd name", "a.b"}) {
    result.emplace_back();
    result.back().name = name;
    result.back().object = name[0] == 'o' ? 0 : -1;
  }
  result.emplace_back();
  result.back().name = "tags";
  result.back().list = true;
  return result;
}

// tests/data/expressions/cases.txt: `expression => text`, or `expression => !offset: message`.
TEST(Expression, TextCases) {
  const std::vector<Column> columns = Columns();
  std::istringstream lines(ReadAll("tests/data/expressions/cases.txt"));
  std::string line;
  int cases = 0;
  while (std::getline(lines, line)) {
    const size_t arrow = line.rfind(" => ");
    if (line.empty() || line[0] == '#') continue;
    ASSERT_NE(arrow, std::string::npos) << line;
    ++cases;
    ExpressionError error;
    const std::string input = line.substr(0, arrow);
    std::optional<Expression> parsed = ParseExpression(input, columns, &error);
    const std::string actual = parsed.has_value() ? ToText(*parsed, columns)
                                                  : Concat("!", error.offset, ": ", error.message);
    EXPECT_EQ(actual, line.substr(arrow + 4)) << input;
  }
  EXPECT_GT(cases, 190);
}

TEST(Expression, ViolationsAreSaidTheOtherWayRound) {
  const std::pair<const char*, const char*> cases[] = {
      {"x <= 250", "x > 250"},
      {"x >= -90", "x < -90"},
      {"x = 3", "x != 3"},
      {"s != 'a'", "s = 'a'"},
      {"x is not null", "x null"},
      {"x is null", "x not null"},
      {"x in (1, 2)", "x not in (1, 2)"},
      {"x between 1 and 2", "x not between 1 and 2"},
      {"s matches '^a$'", "s does not match ^a$"},
      {"not s matches '^a$'", "s matches '^a$'"},
      {"multiple_of(i, 5)", "i not a multiple of 5"},
      {"x > 1 and i > 1", "not ((x > 1) and (i > 1))"},
      {"`odd name` = 'x'", "`odd name` != 'x'"},
      {"b", "not (b)"},
      {"s like 'a%'", "s not like 'a%'"},
      {"not s like 'a%'", "s like 'a%'"},
      {"t - t < interval '1 day'", "(t - t) >= interval '1 day'"},
      {"case when b then i else 2 end = 1", "case when b then i else 2 end != 1"},
      {"coalesce(b, true)", "not (coalesce(b, true))"},
  };
  const std::vector<Column> columns = Columns();
  for (const auto& [rule, violation] : cases) {
    ExpressionError error;
    auto parsed = ParseExpression(rule, columns, &error);
    ASSERT_TRUE(parsed.has_value()) << rule;
    EXPECT_EQ(ViolationText(*parsed, columns), violation);
  }
  std::string list = "s in ('x'";
  for (int i = 0; i < 60; ++i) list += ", '日本'";
  ExpressionError error;
  const std::string text = ViolationText(*ParseExpression(list + ")", columns, &error), columns);
  EXPECT_LE(text.size(), 120u);
  EXPECT_EQ(text.substr(text.size() - 3), "...");
}

// However deep: refused, or read back from its own text as the same.
TEST(Expression, WhatIsAcceptedReadsBackFromItsText) {
  const std::vector<Column> columns = Columns();
  const struct {
    const char *open, *inside, *close;
    bool has_bounds;  // of levels
  } shapes[] = {{"not ", "b", "", true},
                {"not b = ", "b", "", false},
                {"not (b = ", "b", ")", true},
                {"not b or not (not ", "b", ")", true},
                {"-(1 + ", "i", ") > 0 and b", true},
                {"i + i * (", "i", ")", true},
                {"i * -(i + ", "i", ")", true},
                {"case when b then not ", "b", " end", true},
                {"i in (1) or (b and not ", "b", ")", true},
                {"i + ", "i", "", false},
                {"i % 2 - ", "i", "", false}};
  for (const auto& shape : shapes) {
    int accepted = 0;
    for (int levels = 1; levels <= 60; ++levels) {
      std::string text = shape.inside;
      for (int i = 0; i < levels; ++i) text = Concat(shape.open, text, shape.close);
      if (shape.inside[0] == 'i') text += " > 0";
      ExpressionError error;
      const auto expression = ParseExpression(text, columns, &error);
      if (!expression) continue;
      ++accepted;
      const std::string written = ToText(*expression, columns);
      const auto again = ParseExpression(written, columns, &error);
      ASSERT_TRUE(again.has_value()) << text << " is " << written << ": " << error.message;
      EXPECT_EQ(ToText(*again, columns), written);
    }
    EXPECT_TRUE(accepted < 60 || !shape.has_bounds) << shape.open;
  }
  // A long chain has no levels.
  std::string sum = "i";
  for (int i = 0; i < 300; ++i) sum += i % 2 == 0 ? " + i" : " - i";
  ExpressionError error;
  const auto expression = ParseExpression(sum + " > 0", columns, &error);
  ASSERT_TRUE(expression.has_value()) << error.message;
  EXPECT_EQ(ToText(*expression, columns), "(" + sum + ") > 0");
}

TEST(Expression, DepthAndSizeAreBounded) {
  const std::vector<Column> columns = Columns();
  ExpressionError error;
  for (const char* nested : {"(", "not ", "-", "abs("}) {
    std::string text;
    for (int i = 0; i < 1500; ++i) text += nested;
    EXPECT_FALSE(ParseExpression(text + "b", columns, &error).has_value());
    EXPECT_NE(error.message.find("nested deeper than 50 levels"), std::string::npos)
        << error.message;
  }
  std::string sum = "i";
  for (int i = 0; i < 1200; ++i) sum += "+i";
  EXPECT_FALSE(ParseExpression(sum + ">0", columns, &error).has_value());
  EXPECT_EQ(error.message, "the expression has more than 1000 parts");
  EXPECT_FALSE(ParseExpression(std::string(9000, ' ') + "b", columns, &error).has_value());
  EXPECT_FALSE(ParseExpression("s = '\xff'", columns, &error).has_value());
  EXPECT_EQ(error.message, "the expression is not valid UTF-8");
  std::string chain = "b";
  for (int i = 0; i < 300; ++i) chain += " and b";
  EXPECT_TRUE(ParseExpression(chain, columns, &error).has_value()) << error.message;
}

}  // namespace
}  // namespace sluice::contract
