#include "sample/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "contract/names.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

class InferenceTest : public testing::Test {
 protected:
  ~InferenceTest() override { std::filesystem::remove(path_); }

  std::unique_ptr<Sample> Open(std::string_view text, Format format,
                               const contract::Contract* contract = nullptr) {
    std::ofstream(path_, std::ios::binary) << text;
    Options options;
    options.format = format;
    options.contract = contract;
    auto sample = OpenSample(path_, options);
    EXPECT_TRUE(sample.ok()) << sample.status() << "\n" << text;
    return *std::move(sample);
  }

  Inference Infer(std::string_view text, Format format = Format::kNdjson) {
    auto inference = InferContract({"t", "a sample", {}}, Open(text, format).get());
    EXPECT_TRUE(inference.ok()) << inference.status();
    return *std::move(inference);
  }

  /// `name type [required]` of each column.
  static std::vector<std::string> Columns(const Inference& inference) {
    const auto contract = contract::ParseContract(inference.contract, "t");
    EXPECT_TRUE(contract.ok()) << contract.status() << "\n" << inference.contract;
    std::vector<std::string> columns;
    for (const contract::Column& column : (*contract)->columns) {
      columns.push_back(
          Concat(column.name, " ", contract::TypeName(column), column.required ? " required" : ""));
    }
    return columns;
  }

  /// The law: it lints clean, and every usable record of the sample is clean by it.
  void ExpectFits(std::string_view text, Format format, const Inference& inference) {
    std::vector<contract::Problem> problems;
    const auto contract = contract::CompileContract(inference.contract, "t", &problems);
    ASSERT_EQ(contract::ToString(problems), "") << inference.contract;
    const auto sample = Open(text, format, contract.get());
    const auto table = TryContract(contract, TrialOptions{}, sample.get());
    ASSERT_TRUE(table.ok()) << table.status();
    const int64_t clean = table->Count(batch::Verdict::kClean);
    EXPECT_EQ(clean, inference.records) << inference.contract << "\n" << text;
    EXPECT_EQ(table->warned, 0) << inference.contract << "\n" << text;
    EXPECT_EQ(table->records - clean, inference.unusable) << text;
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / Concat("inference_test_", getpid())).string();
};

using testing::ElementsAre;

TEST_F(InferenceTest, TheNarrowestTypeThatHoldsAll) {
  const Inference inference = Infer(
      R"({"id":"a","n":1,"x":1,"b":true,"d":"2024-03-10","t":"2024-03-10T10:00:00Z","c":"08:15","nil":null,"mixed":"2024-03-10"})"
      "\n"
      R"({"id":"b","n":-2,"x":1.5,"b":false,"d":"2024-03-11","t":"2024-03-10 10:00:00","c":"23:59:59.5","mixed":"soon"})"
      "\n");
  EXPECT_THAT(Columns(inference),
              ElementsAre("id string required", "n integer required", "x number required",
                          "b boolean required", "d date required", "t timestamp required",
                          "c time required", "nil string", "mixed string required"));
  EXPECT_EQ(inference.unusable, 0);
}

TEST_F(InferenceTest, CsvIsReadByItsTexts) {
  const std::string text = "id,n,x,b,zip,note\n1,2,2.5,TRUE,00501,\n2,-3,1e3,false,10115,\"\"\n";
  const Inference inference = Infer(text, Format::kCsv);
  EXPECT_THAT(Columns(inference),
              ElementsAre("id integer required", "n integer required", "x number required",
                          "b boolean required", "zip string required", "note string"));
  ExpectFits(text, Format::kCsv, inference);
}

TEST_F(InferenceTest, WhatHasNoColumnIsLeftOutByName) {
  const Inference inference =
      Infer(R"({"id":1,"address":{"city":"x"},"tags":["a",{}],"_own":1,"either":1,"far":1e400})"
            "\n"
            R"({"id":18446744073709551616,"either":"one"})"
            "\n");
  EXPECT_THAT(Columns(inference),
              ElementsAre("id number required", "address.city string required"));
  EXPECT_THAT(inference.left_out, ElementsAre("\"tags\"", "\"_own\"", "\"either\"", "\"far\""));
}

TEST_F(InferenceTest, ObjectsBecomeObjects) {
  const std::string text =
      R"({"id":1,"a":{"x":1,"b":{"y":"s"}},"e":{},"m":{"z":1},"only":{"tags":[]},"d.e":{"f":1}})"
      "\n"
      R"({"id":2,"a":{"x":2.5,"b":null,"w":true,"tags":[1]},"m":5})"
      "\n"
      R"({"id":3,"a":{"x":3,"b":{"y":"t"}}})"
      "\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(
      Columns(inference),
      ElementsAre("id integer required", "a.x number required", "a.b.y string required",
                  "a.w boolean", "a.tags array of integer", "only.tags array of string required"));
  EXPECT_THAT(inference.left_out, ElementsAre("\"e\"", "\"m\"", "\"d.e.f\"", "\"d.e\""));
  const auto contract = contract::ParseContract(inference.contract, "t");
  EXPECT_TRUE((*contract)->objects[0].required);
  EXPECT_FALSE((*contract)->objects[1].required);
  ExpectFits(text, Format::kNdjson, inference);
}

TEST_F(InferenceTest, ArraysOfScalarsBecomeArrays) {
  const std::string text =
      R"({"s":["a",null],"i":[1],"x":[1,2.5],"d":["2024-03-10"],"b":[true],"e":[],"n":[null],"o":[{}],"a":[[1]],"m":[1,"x"],"u":[1]})"
      "\n"
      R"({"s":[],"i":[9223372036854775807],"x":[],"d":["2024-03-11"],"b":null,"e":[],"n":[],"o":[],"a":[],"m":[],"u":1})"
      "\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(
      Columns(inference),
      ElementsAre("s array of string required", "i array of integer required",
                  "x array of number required", "d array of date required", "b array of boolean",
                  "e array of string required", "n array of string required"));
  EXPECT_THAT(inference.left_out, ElementsAre("\"o\"", "\"a\"", "\"m\"", "\"u\""));
  ExpectFits(text, Format::kNdjson, inference);
}

/// The paths of what is in items, with types.
void AppendMembers(const std::string& path, const contract::Member& owner,
                   std::vector<std::string>* out) {
  if (owner.members == nullptr) return;
  for (const contract::Member& member : *owner.members) {
    const std::string inner = Concat(path, ".", member.name);
    out->push_back(
        Concat(inner, " ", contract::TypeName(member), member.required ? " required" : ""));
    AppendMembers(inner, member, out);
  }
}

TEST_F(InferenceTest, ArraysOfObjectsHaveMembers) {
  const std::string text =
      R"({"l":[{"a":1,"b":"x","o":{"c":true},"t":["u"]},{"a":2.5,"q":[{"d":"2024-03-10"}]}],"e":[{}],"m":[{"a":1},2],"n":[[{"a":1}]],"two":[{"a":1,"a":2}]})"
      "\n"
      R"({"l":[],"e":[],"m":[],"n":[],"two":[]})"
      "\n"
      R"({"l":[null,{"a":3,"o":{"c":false,"f":[1,"x"]},"q":[]}],"two":[]})"
      "\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(Columns(inference), ElementsAre("l array of object required"));
  const auto contract = contract::ParseContract(inference.contract, "t");
  ASSERT_TRUE(contract.ok()) << contract.status();
  std::vector<std::string> members;
  AppendMembers("l", (*contract)->columns[0], &members);
  EXPECT_THAT(members, ElementsAre("l.a number required", "l.b string", "l.o object",
                                   "l.o.c boolean required", "l.t array of string",
                                   "l.q array of object", "l.q.d date required"));
  EXPECT_THAT(inference.left_out, ElementsAre("\"l.o.f\"", "\"e\"", "\"m\"", "\"n\"", "\"two\""));
  ExpectFits(text, Format::kNdjson, inference);
}

TEST_F(InferenceTest, ArraysOfObjectsAreAsDeepAsObjectsMayBe) {
  std::string text = "1";
  for (int i = 0; i < contract::kMaxObjectDepth + 1; ++i) text = "[{\"b\":2,\"l\":" + text + "}]";
  text = "{\"l\":" + text + "}\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(Columns(inference), ElementsAre("l array of object required"));
  EXPECT_EQ(inference.left_out.size(), 1u);
  ExpectFits(text, Format::kNdjson, inference);
}

TEST_F(InferenceTest, OneNameInPostgresIsOneColumn) {
  const std::string text = "{\"a\":{\"b\":1},\"a_b\":1,\"a.b\":1,\"a b\":1}\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(Columns(inference), ElementsAre("a.b integer required", "a b integer required"));
  ExpectFits(text, Format::kNdjson, inference);
}

TEST_F(InferenceTest, AMemberTwiceInAnObjectLeavesItOut) {
  const std::string text = "{\"a\":{\"b\":1,\"b\":2},\"c\":1}\n{\"a\":{\"b\":1},\"c\":1}\n";
  const Inference inference = Infer(text);
  EXPECT_THAT(inference.left_out, ElementsAre("\"a\""));
  ExpectFits(text, Format::kNdjson, inference);
}

TEST_F(InferenceTest, ObjectsTooDeepAreLeftOut) {
  std::string text = "1";
  for (int i = 0; i < contract::kMaxObjectDepth + 1; ++i)
    text = "{\"a\":{\"b\":2,\"o\":" + text + "}}";
  const Inference inference = Infer(text + "\n");
  EXPECT_EQ(Columns(inference).size(), 4u);
  ExpectFits(text + "\n", Format::kNdjson, inference);
}

TEST_F(InferenceTest, RecordsThatNoContractAcceptsAreCounted) {
  const Inference inference = Infer("{\"a\":1}\n[1]\n{\"a\":1,\"a\":2}\n{\n");
  EXPECT_EQ(inference.records, 1);
  EXPECT_EQ(inference.unusable, 3);
  ASSERT_EQ(inference.examples.size(), 3u);
  EXPECT_EQ(inference.examples[1].line, 3);
  EXPECT_EQ(inference.examples[1].value, "duplicate_key");
  EXPECT_EQ(Infer("nonsense\n").contract, "");
}

TEST_F(InferenceTest, FewValuesSeenOftenAreARuleThatWarns) {
  std::string often, once;
  for (int i = 0; i < 100; ++i) {
    Append(&often, "{\"state\":\"",
           i % 3 == 0   ? "open"
           : i % 3 == 1 ? "paid"
                        : "it's",
           "\",\"id\":\"", i, "\"}\n");
  }
  for (int i = 0; i < 10; ++i)
    Append(&once, "{\"state\":\"", i % 2 == 0 ? "open" : "paid", "\"}\n");
  const auto contract = contract::ParseContract(Infer(often).contract, "t");
  ASSERT_TRUE(contract.ok()) << contract.status();
  ASSERT_EQ((*contract)->rules.size(), 1u);
  EXPECT_EQ((*contract)->rules[0].column, "state");
  EXPECT_EQ((*contract)->rules[0].action, contract::Action::kWarn);
  EXPECT_THAT(Infer(once).contract, testing::Not(testing::HasSubstr("quality")));
}

// Records of whatever members and values, as JSON and as CSV.
class RandomSample {
 public:
  explicit RandomSample(uint64_t seed) : random_(seed) {}

  std::string Ndjson() {
    std::string text;
    const int64_t members = 1 + random_.Below(6);
    for (int64_t rows = 1 + random_.Below(random_.OneIn(4) ? 120 : 6); rows > 0; --rows) {
      text += "{";
      bool first = true;
      for (int64_t member = 0; member < members; ++member) {
        if (random_.OneIn(8)) continue;
        Append(&text, first ? "" : ",", "\"", kNames[member], "\":", Value(member));
        first = false;
      }
      text += random_.OneIn(40) ? "\n" : "}\n";
    }
    return text;
  }

  std::string Csv() {
    const int64_t columns = 1 + random_.Below(6);
    std::string text;
    for (int64_t column = 0; column < columns; ++column) {
      Append(&text, column == 0 ? "" : ",", "\"c", column, "\"");
    }
    text += "\n";
    for (int64_t rows = 1 + random_.Below(random_.OneIn(4) ? 120 : 6); rows > 0; --rows) {
      for (int64_t column = 0; column < columns; ++column) {
        Append(&text, column == 0 ? "" : ",", kCells[Pick(column, std::size(kCells))]);
      }
      text += "\n";
    }
    return text;
  }

 private:
  /// Mostly a few neighbours of the same kind, so that columns have a type.
  size_t Pick(int64_t column, size_t count) {
    const auto from = static_cast<size_t>(column * 7) % count;
    if (random_.OneIn(30)) return static_cast<size_t>(random_.Below(static_cast<int64_t>(count)));
    return (from + static_cast<size_t>(random_.Below(3))) % count;
  }
  std::string Value(int64_t member) { return kValues[Pick(member, std::size(kValues))]; }

  static constexpr const char* kNames[] = {"a",  "null", "0\\n", "Stra\\u00dfe \\u2028",
                                           "_x", "a: #b"};
  static constexpr const char* kValues[] = {"1",
                                            "-0",
                                            "9223372036854775807",
                                            "9223372036854775808",
                                            "0.5",
                                            "1e300",
                                            "1e400",
                                            "1e-400",
                                            "5e-324",
                                            "true",
                                            "false",
                                            "null",
                                            "\"2024-03-10\"",
                                            "\"2024-02-29\"",
                                            "\"0001-01-01\"",
                                            "\"2024-03-10T10:00:00Z\"",
                                            "\"2024-03-10 10:00:00.123456+01:00\"",
                                            "\"2024-13-10\"",
                                            "\"\"",
                                            "\"x\"",
                                            "\"it's \\\"y\\\"\"",
                                            "\"\\u0000\"",
                                            "\"\\ud83d\\ude97\"",
                                            "{}",
                                            "[]",
                                            "[1]",
                                            "[2.5,null]",
                                            "[\"x\",\"2024-03-10\"]",
                                            "[{}]",
                                            "\"open\"",
                                            "\"paid\""};
  static constexpr const char* kCells[] = {"",
                                           "1",
                                           "-2",
                                           "007",
                                           "1.5",
                                           "1e5",
                                           "1e999",
                                           "true",
                                           "FALSE",
                                           "yes",
                                           "2024-03-10",
                                           "2024-2-1",
                                           "2024-03-10T10:00:00Z",
                                           "\"\"",
                                           "\"1\"",
                                           "\"a,b\"",
                                           "\"two\nlines\"",
                                           "x",
                                           "open",
                                           "paid"};
  batch::Random random_;
};

TEST_F(InferenceTest, TheSampleFitsWhatIsInferredFromIt) {
  const uint64_t seed = batch::TestSeed();
  int64_t usable = 0, columns = 0, left_out = 0;
  for (uint64_t round = 0; round < 400 && !HasFailure(); ++round) {
    RandomSample random(seed + round);
    const Format format = round % 2 == 0 ? Format::kNdjson : Format::kCsv;
    const std::string text = format == Format::kCsv ? random.Csv() : random.Ndjson();
    const Inference inference = Infer(text, format);
    if (inference.records == 0) continue;
    ExpectFits(text, format, inference);
    usable += inference.records;
    columns += static_cast<int64_t>(Columns(inference).size());
    left_out += static_cast<int64_t>(inference.left_out.size());
  }
  EXPECT_GT(usable, 1000);
  EXPECT_GT(columns, 600);
  EXPECT_GT(left_out, 50);
}

}  // namespace
}  // namespace sluice::sample
