#include "sample/sample.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "contract/case_file_for_test.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A file that is gone with the test.
class SampleTest : public testing::Test {
 protected:
  ~SampleTest() override { std::filesystem::remove(path_); }

  void Write(std::string_view bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  /// All records as `line: value`, or what is wrong.
  absl::StatusOr<std::vector<std::string>> Read(const Options& options = {}) {
    auto sample = OpenSample(path_, options);
    if (!sample.ok()) return sample.status();
    std::vector<std::string> records;
    while (true) {
      Record record;
      const auto found = (*sample)->Next(&record);
      if (!found.ok()) return found.status();
      if (!*found) return records;
      records.push_back(Concat(record.line, ": ", record.value));
    }
  }

  static Options As(Format format) {
    Options options;
    options.format = format;
    return options;
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / Concat("sample_test_", getpid())).string();
};

TEST_F(SampleTest, LinesAreRecordsByteForByte) {
  Write("{}\n\n\r\n {\"a\":\"\xff\"} \r\nlast");
  EXPECT_THAT(*Read(), ElementsAre("1: {}", "4:  {\"a\":\"\xff\"} ", "5: last"));
  Write("");
  EXPECT_THAT(*Read(), ElementsAre());
}

TEST_F(SampleTest, LinesOfAnyLength) {
  batch::Random random(batch::TestSeed());
  for (int round = 0; round < 20; ++round) {
    std::string text;
    std::vector<std::string> expected;
    for (int64_t line = 1; line <= 10; ++line) {
      const auto size = static_cast<size_t>(1 + random.Below(random.OneIn(2) ? 10 : 700'000));
      const std::string value(size, static_cast<char>('a' + random.Below(26)));
      Append(&text, value, "\n");
      expected.push_back(Concat(line, ": ", value));
    }
    if (random.OneIn(2)) text.pop_back();
    Write(text);
    EXPECT_EQ(*Read(), expected);
  }
}

TEST_F(SampleTest, OfALineTooLongOnlyTheBeginningIsKept) {
  Options options;
  options.max_record_bytes = 100;
  Write(Concat("a\n", std::string(5'000'000, 'x'), "\nb\n", std::string(100, 'y'), "\n",
               std::string(3'000'000, 'z')));
  const auto records = Read(options);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 5u);
  EXPECT_EQ((*records)[1], Concat("2: ", std::string(101, 'x')));
  EXPECT_EQ((*records)[2], "3: b");
  EXPECT_EQ((*records)[3], Concat("4: ", std::string(100, 'y')));
  EXPECT_EQ((*records)[4], Concat("5: ", std::string(101, 'z')));
}

TEST_F(SampleTest, OfARowTooLongOnlyTheBeginningIsKept) {
  Options options = As(Format::kCsv);
  options.max_record_bytes = 100;
  Write(Concat("a,b\n1,\"", std::string(5'000'000, 'x'), "\"\n2,", std::string(50, 'y'), "\n"));
  const auto records = Read(options);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_GT((*records)[0].size(), 100u);
  EXPECT_LT((*records)[0].size(), 200u);
  EXPECT_THAT((*records)[1], HasSubstr("y\"}"));
}

// Cells of whatever text come back as they were, however many lines they take.
TEST_F(SampleTest, QuotedCellsHoldAnything) {
  batch::Random random(batch::TestSeed());
  constexpr char kPieces[] = "ab,;\"\n\r\t\\ ";
  for (int round = 0; round < 300; ++round) {
    std::string text = random.OneIn(2) ? "a,b\n"
                                       : "\xEF\xBB\xBF"
                                         "a,b\r\n";
    std::vector<std::string> expected;
    int64_t line = 2;
    for (int64_t rows = random.Below(5); rows > 0; --rows) {
      std::string json = Concat(line, ": {");
      for (const char* name : {"a", "b"}) {
        std::string cell, quoted = "\"";
        for (int64_t size = random.Below(8); size > 0; --size) {
          const char c = kPieces[random.Below(sizeof(kPieces) - 1)];
          cell += c;
          quoted += c == '"' ? "\"\"" : std::string(1, c);
          line += c == '\n';
        }
        Append(&text, quoted, name[0] == 'a' ? "\"," : random.OneIn(2) ? "\"\r\n" : "\"\n");
        Append(&json, name[0] == 'a' ? "" : ",", "\"", name, "\":");
        AppendText(cell, &json);
      }
      ++line;
      expected.push_back(json + "}");
    }
    Write(text);
    const auto records = Read(As(Format::kCsv));
    ASSERT_TRUE(records.ok()) << records.status() << "\n" << text;
    EXPECT_EQ(*records, expected) << text;
  }
}

TEST_F(SampleTest, NamesInAHeaderMayBePaths) {
  const auto contract = contract::LoadContract("tests/data/json/nested.odcs.yaml");
  ASSERT_TRUE(contract.ok()) << contract.status();
  Options options = As(Format::kCsv);
  options.contract = contract->get();
  Write("a.b.real,text,a.small,a.b.c.real,a.other,ab.c\n1,2,3,,5,6\n,2,,,,\n,,,\"\",,\n");
  EXPECT_THAT(
      *Read(options),
      ElementsAre(
          R"(2: {"a":{"b":{"real":1,"c":null},"small":3,"other":"5"},"text":"2","ab.c":"6"})",
          R"(3: {"a":null,"text":"2","ab.c":null})",
          R"(4: {"a":{"b":{"real":null,"c":{"real":""}},"small":null,"other":null},"text":null,"ab.c":null})"));
  for (const char* header : {"a,a.text\n", "a.text,a\n", "a.b,a.b.c.real\n"}) {
    Write(header);
    EXPECT_THAT(std::string(Read(options).status().message()), HasSubstr("cannot both be there"))
        << header;
  }
}

TEST(JsonTextTest, KnowsNumbers) {
  for (const char* text : {"0", "-0", "12", "1.5", "0.5e-3", "1E+9"})
    EXPECT_TRUE(IsJsonNumber(text));
  for (const char* text : {"", "-", "+1", "01", ".5", "1.", "1e", "1e+", "0x1", "1 ", "NaN"})
    EXPECT_FALSE(IsJsonNumber(text)) << text;
}

TEST(JsonTextTest, ANumberIsNeverAnInteger) {
  std::string json;
  for (const double value : {5.0, -0.0, 0.1, 1e300, 1e15, -2.5}) {
    AppendNumber(value, &json);
    json += ' ';
  }
  AppendNumber(std::numeric_limits<double>::quiet_NaN(), &json);
  EXPECT_EQ(json, "5.0 -0.0 0.1 1e+300 1e+15 -2.5 \"NaN\"");
}

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> Column(Builder builder, Value value) {
  EXPECT_TRUE(builder.Append(value).ok());
  EXPECT_TRUE(builder.AppendNull().ok());
  return *builder.Finish();
}

class ParquetTest : public SampleTest {
 protected:
  void WriteTable(const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns,
                  int64_t row_group = 1000) {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    for (const auto& [name, array] : columns) {
      fields.push_back(arrow::field(name, array->type()));
      arrays.push_back(array);
    }
    const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
    const auto file = *arrow::io::FileOutputStream::Open(path_);
    const arrow::Status written =
        parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), file, row_group);
    ASSERT_TRUE(written.ok()) << written.ToString();
    ASSERT_TRUE(file->Close().ok());
  }
  void WriteNumbers(int64_t rows) {
    arrow::Int64Builder numbers;
    arrow::StringBuilder texts;
    for (int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(numbers.Append(i).ok() && texts.Append(Concat("text ", i * 7919)).ok());
    }
    WriteTable({{"number", *numbers.Finish()}, {"text", *texts.Finish()}}, 1000);
  }
};

TEST_F(ParquetTest, ValuesOfEveryType) {
  const auto pool = arrow::default_memory_pool();
  arrow::Decimal128Builder decimal(arrow::decimal128(10, 2));
  ASSERT_TRUE(decimal.Append(*arrow::Decimal128::FromString("-12.50")).ok());
  ASSERT_TRUE(decimal.AppendNull().ok());
  arrow::ListBuilder list(pool, std::make_shared<arrow::Int32Builder>());
  auto& items = static_cast<arrow::Int32Builder&>(*list.value_builder());
  ASSERT_TRUE(list.Append().ok() && items.Append(1).ok() && items.Append(2).ok());
  ASSERT_TRUE(list.AppendNull().ok());
  const auto inner = Column(arrow::Int32Builder(), 7);
  const auto structs = *arrow::StructArray::Make({inner}, {arrow::field("x", arrow::int32())});
  const auto coded = *arrow::DictionaryArray::FromArrays(
      arrow::dictionary(arrow::int8(), arrow::utf8()), Column(arrow::Int8Builder(), 0),
      Column(arrow::StringBuilder(), "coded")->Slice(0, 1));
  WriteTable({
      {"te\"xt", Column(arrow::StringBuilder(), "a\n\"b\"")},
      {"large", Column(arrow::LargeStringBuilder(), "large")},
      {"bytes", Column(arrow::BinaryBuilder(), "\xff")},
      {"coded", coded},
      {"flag", Column(arrow::BooleanBuilder(), true)},
      {"i8", Column(arrow::Int8Builder(), -8)},
      {"u16", Column(arrow::UInt16Builder(), 65'535)},
      {"i32", Column(arrow::Int32Builder(), -32)},
      {"u64", Column(arrow::UInt64Builder(), 18'446'744'073'709'551'615u)},
      {"f32", Column(arrow::FloatBuilder(), 0.5f)},
      {"f64", Column(arrow::DoubleBuilder(), 5.0)},
      {"decimal", *decimal.Finish()},
      {"day", Column(arrow::Date32Builder(), 19'792)},
      {"second", Column(arrow::TimestampBuilder(arrow::timestamp(arrow::TimeUnit::MILLI), pool),
                        1'710'080'555'250)},
      {"nano",
       Column(arrow::TimestampBuilder(arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), pool), -1)},
      {"time",
       Column(arrow::Time64Builder(arrow::time64(arrow::TimeUnit::MICRO), pool), 3'600'000'000)},
      {"list", *list.Finish()},
      {"struct", structs},
  });
  const auto records = Read();
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ((*records)[0],
            "1: "
            "{\"te\\\"xt\":\"a\\u000a\\\"b\\\"\",\"large\":\"large\",\"bytes\":\"\xff\",\"coded\":"
            "\"coded\","
            "\"flag\":true,\"i8\":-8,\"u16\":65535,\"i32\":-32,\"u64\":18446744073709551615,"
            "\"f32\":0.5,\"f64\":5.0,\"decimal\":-12.50,\"day\":\"2024-03-10\","
            "\"second\":\"2024-03-10T14:22:35.250Z\",\"nano\":\"1969-12-31T23:59:59.999999Z\","
            "\"time\":\"01:00:00.000000\",\"list\":[1,2],\"struct\":{\"x\":7}}");
  EXPECT_THAT((*records)[1], HasSubstr("\"coded\":null,\"flag\":null,\"i8\":null"));
}

TEST_F(ParquetTest, RowsOfManyGroupsAreCounted) {
  WriteNumbers(2'500);
  const auto records = Read();
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2'500u);
  EXPECT_EQ((*records)[2'499], "2500: {\"number\":2499,\"text\":\"text 19789581\"}");
}

TEST_F(ParquetTest, NeedsAFile) {
  Write("");
  EXPECT_THAT(std::string(Read(As(Format::kParquet)).status().message()),
              HasSubstr("is no Parquet file"));
  Write("PAR1, and then nothing of the kind");
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("is no whole Parquet file"));
}

// Cut off or spoilt anywhere: an answer, and no crash.
TEST_F(ParquetTest, DamageIsRefused) {
  WriteNumbers(2'500);
  const std::string whole = contract::ReadAll(path_);
  batch::Random random(batch::TestSeed());
  for (int round = 0; round < 200; ++round) {
    Write(whole.substr(0, static_cast<size_t>(random.Below(static_cast<int64_t>(whole.size())))));
    const auto records = Read(As(Format::kParquet));
    EXPECT_EQ(records.status().code(), absl::StatusCode::kInvalidArgument);
  }
  for (int round = 0; round < 300; ++round) {
    std::string spoilt = whole;
    for (int64_t edits = 1 + random.Below(4); edits > 0; --edits) {
      // The footer and page headers are where the traps are.
      const auto size = static_cast<int64_t>(whole.size());
      const int64_t at = random.OneIn(2) ? size - 1 - random.Below(std::min<int64_t>(size, 800))
                                         : random.Below(size);
      spoilt[static_cast<size_t>(at)] = static_cast<char>(random.Next());
    }
    Write(spoilt);
    const auto records = Read(As(Format::kParquet));
    EXPECT_TRUE(records.ok() || absl::IsInvalidArgument(records.status())) << records.status();
  }
}

TEST_F(SampleTest, AnyBytesGiveAnAnswer) {
  batch::Random random(batch::TestSeed());
  for (int round = 0; round < 500; ++round) {
    std::string text = random.OneIn(2) ? "a,b\n" : "";
    for (int64_t size = random.Below(200); size > 0; --size) {
      text += random.OneIn(3) ? static_cast<char>(random.Next()) : "\",\n\r{}"[random.Below(6)];
    }
    Write(text);
    for (const Format format : {Format::kNdjson, Format::kCsv}) {
      const auto records = Read(As(format));
      EXPECT_TRUE(records.ok() || absl::IsInvalidArgument(records.status())) << records.status();
    }
  }
}

}  // namespace
}  // namespace sluice::sample
