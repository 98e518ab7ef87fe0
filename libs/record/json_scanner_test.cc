#include "record/json_scanner.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

#include "record/case_file.h"

namespace sluice::record {
namespace {

using batch::Reason;

constexpr int kDepth = 64;

TEST(JsonScannerTest, FirstFaultFromTheLeft) {
  JsonScanner scanner(2);
  std::string patch(100, ' ');
  const auto scan = [&](std::string_view text) { return scanner.Scan(text, patch.data()); };
  EXPECT_EQ(scan("[[1]]"), std::nullopt);
  EXPECT_EQ(scan("[[[]]]"), std::nullopt);  // an empty one adds no level
  EXPECT_EQ(scan("[[[1]]]"), Reason::kTooDeep);
  EXPECT_EQ(scan("[[[1]],,"), Reason::kTooDeep);
  EXPECT_EQ(scan("[,[[[1]]]]"), Reason::kInvalidJson);
  EXPECT_EQ(scan(R"(["\ud800", x])"), Reason::kInvalidUtf8);
  EXPECT_EQ(scan(R"([x, "\ud800"])"), Reason::kInvalidJson);
}

TEST(JsonScannerTest, WideNumbersAreListedAndPatched) {
  JsonScanner scanner(kDepth);
  const std::string text =
      R"({"a":1e999,"b":[1e999,18446744073709551616],"c":-9223372036854775809,"d":1.5,"e":18446744073709551616})";
  std::string patch = text;
  ASSERT_EQ(scanner.Scan(text, patch.data()), std::nullopt);
  ASSERT_EQ(scanner.wide().size(), 5u);
  EXPECT_EQ(scanner.wide()[0].offset, text.find("1e999"));
  EXPECT_TRUE(scanner.wide()[0].overflow);
  EXPECT_FALSE(scanner.wide()[0].integer);
  EXPECT_EQ(scanner.wide()[1].offset, text.rfind("1e999"));
  EXPECT_EQ(scanner.wide()[2].offset, text.find("18446744073709551616]"));
  EXPECT_EQ(scanner.wide()[3].offset, text.find("-9223372036854775809"));
  EXPECT_TRUE(scanner.wide()[3].integer);
  EXPECT_EQ(scanner.wide()[3].value, -9223372036854775808.0);
  EXPECT_EQ(scanner.wide()[4].offset, text.rfind("18446744073709551616"));
  EXPECT_EQ(scanner.wide()[4].value, 18446744073709551616.0);
  EXPECT_EQ(
      patch,
      R"({"a":0    ,"b":[0    ,0                   ],"c":0                   ,"d":1.5,"e":0                   })");
}

TEST(JsonScannerTest, NonZeroDigits) {
  EXPECT_FALSE(HasNonZeroDigit("0.0,"));
  EXPECT_FALSE(HasNonZeroDigit("-0.000e9"));
  EXPECT_FALSE(HasNonZeroDigit("0}1"));
  EXPECT_TRUE(HasNonZeroDigit("1e-400"));
  EXPECT_TRUE(HasNonZeroDigit("-0.001"));
}

/// Whether simdjson takes the text, and whether the scanner says it should.
class Agreement {
 public:
  Agreement() : scanner_(kDepth) {
    EXPECT_EQ(parser_.allocate(1 << 20, kDepth + 1), simdjson::SUCCESS);
    EXPECT_EQ(parser_.doc.allocate(1 << 20), simdjson::SUCCESS);
  }

  void Check(const std::string& text) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF" || text.empty()) return;
    const bool taken = Parse(text);
    const bool utf8 = simdjson::validate_utf8(text.data(), text.size());
    std::string patch = text;
    const bool json = utf8 && !scanner_.Scan(text, patch.data()).has_value();
    if (taken) {
      ASSERT_TRUE(json) << Printable(text);
      ASSERT_EQ(patch, text) << Printable(text);
    } else if (json) {
      ASSERT_NE(patch, text) << Printable(text);
      ASSERT_TRUE(Parse(patch)) << Printable(text);
    }
    accepted_ += json ? 1 : 0;
    rejected_ += json ? 0 : 1;
  }

  int accepted() const { return accepted_; }
  int rejected() const { return rejected_; }

 private:
  bool Parse(const std::string& text) {
    simdjson::padded_string padded(text);
    simdjson::dom::element root;
    return parser_.parse(padded).get(root) == simdjson::SUCCESS;
  }

  simdjson::dom::parser parser_;
  JsonScanner scanner_;
  int accepted_ = 0;
  int rejected_ = 0;
};

TEST(JsonScannerTest, AgreesWithSimdjson) {
  std::vector<std::string> seeds;
  for (const char* path :
       {"tests/data/json/parsing_cases.txt", "tests/data/json/record_cases.txt"}) {
    for (const Case& c : ReadCases(path)) seeds.push_back(Expand(c.text).substr(0, 600));
  }
  const std::string alphabet =
      std::string("{}[]:,\"\\eE+-.0123456789truefalsnu/b \n\t\xC3\xA9\xED\xA0\xFF") + '\0';
  Agreement agreement;
  std::mt19937_64 random(7);
  for (const std::string& seed : seeds) {
    agreement.Check(seed);
    for (int i = 0; i < 250; ++i) {
      std::string text = seed;
      for (int edits = 1 + static_cast<int>(random() % 4); edits > 0; --edits) {
        const size_t at = text.empty() ? 0 : random() % text.size();
        const char c = alphabet[random() % alphabet.size()];
        switch (text.empty() ? 2 : random() % 4) {
          case 0:
            text[at] = c;
            break;
          case 1:
            text.erase(at, 1 + random() % 3);
            break;
          case 2:
            text.insert(at, 1, c);
            break;
          default:  // a piece of another text
            const std::string& other = seeds[random() % seeds.size()];
            text.insert(at, other.substr(0, random() % 20));
        }
      }
      agreement.Check(text);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(agreement.accepted(), 5'000);
  EXPECT_GT(agreement.rejected(), 50'000);
}

}  // namespace
}  // namespace sluice::record
