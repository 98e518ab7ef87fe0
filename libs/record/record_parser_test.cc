#include "record/record_parser.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <cstring>
#include <ctime>
#include <random>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "batch/schema.h"
#include "record/case_file.h"

namespace sluice::record {
namespace {

using batch::Reason;
using batch::Verdict;
using contract::LogicalType;

std::shared_ptr<contract::Contract> CarContract() {
  auto contract = std::make_shared<contract::Contract>();
  const auto add = [&](const char* name, LogicalType type, bool required) {
    contract::Column column;
    column.name = name;
    column.type = type;
    column.required = required;
    column.integer_min = INT32_MIN;
    column.integer_max = INT32_MAX;
    contract->columns.push_back(column);
  };
  add("car_id", LogicalType::kString, true);
  add("speed", LogicalType::kNumber, false);
  add("seats", LogicalType::kInteger, false);
  return contract;
}

class RecordParserTest : public testing::Test {
 protected:
  RecordParserTest() : contract_(CarContract()), parser_(contract_), builder_(contract_) {}

  Judgement Parse(std::optional<std::string_view> key, std::optional<std::string_view> value,
                  int64_t timestamp_ms = 1000) {
    return parser_.Parse(key, value, timestamp_ms, offset_++, &builder_);
  }
  std::shared_ptr<arrow::RecordBatch> Finish() {
    auto batch = builder_.Finish();
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
    return batch;
  }

  std::shared_ptr<contract::Contract> contract_;
  RecordParser parser_;
  BatchBuilder builder_;
  int64_t offset_ = 100;
};

constexpr char kGood[] = R"({"car_id":"c1","speed":88.5,"seats":4})";

template <typename T>
const T& As(const arrow::RecordBatch& batch, int i) {
  return static_cast<const T&>(*batch.column(i));
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

TEST_F(RecordParserTest, OneRowForEveryRecord) {
  EXPECT_EQ(Parse("k", kGood), (Judgement{Verdict::kValid, std::nullopt, -1}));
  EXPECT_EQ(Parse("k", "nonsense"), (Judgement{Verdict::kCorrupt, Reason::kInvalidJson, -1}));
  EXPECT_EQ(Parse("k", std::nullopt), (Judgement{Verdict::kTombstone, std::nullopt, -1}));
  EXPECT_EQ(Parse("k", R"({"car_id":"c1","seats":4.5})"),
            (Judgement{Verdict::kCorrupt, Reason::kWrongType, 2}));
  const auto batch = Finish();
  ASSERT_EQ(batch->num_rows(), 4);
  for (int row = 0; row < 4; ++row) {
    EXPECT_EQ(As<arrow::Int64Array>(*batch, batch::kOffset).Value(row), 100 + row);
  }
  const auto& verdicts = As<arrow::UInt8Array>(*batch, batch::kVerdict);
  EXPECT_EQ(verdicts.Value(0), static_cast<uint8_t>(Verdict::kValid));
  EXPECT_EQ(verdicts.Value(1), static_cast<uint8_t>(Verdict::kCorrupt));
  EXPECT_EQ(verdicts.Value(2), static_cast<uint8_t>(Verdict::kTombstone));
  EXPECT_TRUE(batch->column(batch::kRaw)->IsNull(2));
}

TEST_F(RecordParserTest, RecordTimestamps) {
  EXPECT_EQ(Parse("k", kGood, -1).verdict, Verdict::kValid);
  EXPECT_EQ(Parse("k", kGood, 0).verdict, Verdict::kValid);
  EXPECT_EQ(Parse("k", kGood, 253'402'300'799'999).verdict, Verdict::kValid);
  for (int64_t bad : {int64_t{-2}, INT64_MIN, int64_t{253'402'300'800'000}, INT64_MAX}) {
    EXPECT_EQ(Parse("k", kGood, bad).reason, Reason::kInvalidRecordTimestamp) << bad;
  }
  const auto batch = Finish();
  const auto& timestamps = As<arrow::TimestampArray>(*batch, batch::kTimestamp);
  EXPECT_TRUE(timestamps.IsNull(0));
  EXPECT_EQ(timestamps.Value(1), 0);
  EXPECT_EQ(timestamps.Value(2), 253'402'300'799'999);
  for (int row = 3; row < 7; ++row) {
    EXPECT_TRUE(timestamps.IsNull(row));
    EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kRaw).GetView(row), kGood);
  }
}

TEST_F(RecordParserTest, Keys) {
  const std::string longest(2048, 'k');
  EXPECT_EQ(Parse(std::nullopt, kGood).verdict, Verdict::kValid);
  EXPECT_EQ(Parse("", kGood).verdict, Verdict::kValid);
  EXPECT_EQ(Parse(longest, kGood).verdict, Verdict::kValid);
  EXPECT_EQ(Parse(longest + "k", kGood).reason, Reason::kOversizeKey);
  EXPECT_EQ(Parse(std::string(10'000'000, 'k'), kGood).reason, Reason::kOversizeKey);
  EXPECT_EQ(Parse(std::string_view("\0\xFF", 2), kGood).verdict, Verdict::kValid);
  const auto batch = Finish();
  const auto& keys = As<arrow::BinaryArray>(*batch, batch::kKey);
  EXPECT_TRUE(keys.IsNull(0));
  EXPECT_TRUE(keys.IsValid(1));
  EXPECT_EQ(keys.GetView(1), "");
  EXPECT_EQ(keys.GetView(2), longest);
  EXPECT_EQ(keys.GetView(3), longest);
  EXPECT_EQ(keys.GetView(4), longest);
  EXPECT_EQ(keys.GetView(5), std::string_view("\0\xFF", 2));
}

TEST_F(RecordParserTest, LongKeysAreCutBetweenCharacters) {
  for (const std::string_view character : {"k", "\u00E9", "\u20AC", "\U0001F600"}) {
    for (size_t before = 2044; before < 2048; ++before) {
      std::string key(before, 'k');
      while (key.size() < 2060) key += character;
      ASSERT_EQ(Parse(key, kGood).reason, Reason::kOversizeKey);
      const auto batch = Finish();
      const auto cut = As<arrow::BinaryArray>(*batch, batch::kKey).GetView(0);
      EXPECT_EQ(cut.size(), before + (2048 - before) / character.size() * character.size());
    }
  }
  // What is no text is cut anywhere.
  ASSERT_EQ(Parse(std::string(5000, '\x80'), kGood).reason, Reason::kOversizeKey);
  EXPECT_EQ(As<arrow::BinaryArray>(*Finish(), batch::kKey).GetView(0).size(), 2048);
}

TEST_F(RecordParserTest, PrecedenceOfReasons) {
  const std::string long_key(3000, 'k');
  const std::string big(2 << 20, '\xFF');
  EXPECT_EQ(Parse(long_key, std::nullopt, -5).reason, Reason::kOversizeKey);
  EXPECT_EQ(Parse("k", std::nullopt, -5).reason, Reason::kInvalidRecordTimestamp);
  EXPECT_EQ(Parse("k", "", -5).reason, Reason::kInvalidRecordTimestamp);
  EXPECT_EQ(Parse("k", "").reason, Reason::kEmptyValue);
  EXPECT_EQ(Parse("k", "\xEF\xBB\xBF" + big).reason, Reason::kOversize);
  EXPECT_EQ(Parse("k", "\xEF\xBB\xBF\xFF{").reason, Reason::kByteOrderMark);
  EXPECT_EQ(Parse("k", "{\xFF").reason, Reason::kInvalidUtf8);
  // Of the content, from the first to the last; the order of the members does not matter.
  const char* const members[] = {R"("speed":1,"speed":2)", R"("new":1)", R"("seats":"4")",
                                 R"("speed":1e400)"};
  const Reason reasons[] = {Reason::kDuplicateKey, Reason::kUnknownField, Reason::kWrongType,
                            Reason::kNumberOutOfRange};
  for (int first = 0; first < 4; ++first) {
    for (int second = first + 1; second < 4; ++second) {
      if (first == 0 && second == 3) continue;  // both are about speed
      for (const bool swap : {false, true}) {
        std::string value = R"({"car_id":"c",)";
        value += swap ? members[second] : members[first];
        value += ',';
        value += swap ? members[first] : members[second];
        value += '}';
        EXPECT_EQ(Parse("k", value).reason, reasons[first]) << value;
      }
    }
  }
  EXPECT_EQ(Parse("k", R"({"new":1})").reason, Reason::kMissingField);
  EXPECT_EQ(Parse("k", R"({"new":1,"new":1})").reason, Reason::kDuplicateKey);
}

TEST_F(RecordParserTest, RawIsCappedAndHashedWhole) {
  Limits limits;
  limits.max_raw_bytes = 10;
  RecordParser parser(contract_, limits);
  const std::string value = R"({"car_id": 123456789})";
  EXPECT_EQ(parser.Parse("k", value, 1, 1, &builder_).reason, Reason::kWrongType);
  const std::string huge(10'000'000, 'x');
  EXPECT_EQ(parser.Parse("k", huge, 1, 2, &builder_).reason, Reason::kOversize);
  const auto batch = Finish();
  for (int row = 0; row < 2; ++row) {
    const std::string& expected = row == 0 ? value : huge;
    uint8_t hash[32];
    SHA256(reinterpret_cast<const uint8_t*>(expected.data()), expected.size(), hash);
    EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kRaw).GetView(row), expected.substr(0, 10));
    EXPECT_EQ(As<arrow::Int32Array>(*batch, batch::kRawLength).Value(row),
              static_cast<int32_t>(expected.size()));
    EXPECT_EQ(As<arrow::BinaryArray>(*batch, batch::kRawSha256).GetView(row),
              std::string_view(reinterpret_cast<char*>(hash), 32));
  }
}

TEST_F(RecordParserTest, ABadRecordLeavesNothingToTheNext) {
  EXPECT_EQ(Parse("k", R"({"car_id":"left over","speed":1e-400,"seats":7})").reason,
            Reason::kNumberOutOfRange);
  EXPECT_EQ(Parse("k", R"({"car_id":"c","speed":100000000000000000000})").verdict, Verdict::kValid);
  EXPECT_EQ(Parse("k", R"({"car_id":"c","speed":1})").verdict, Verdict::kValid);
  EXPECT_EQ(Parse("k", R"({"speed":1,"seats":2})").reason, Reason::kMissingField);
  EXPECT_EQ(Parse("k", R"({"car_id":"c"})").verdict, Verdict::kValid);
  const auto batch = Finish();
  const int c = batch::kSystemColumns;
  EXPECT_EQ(As<arrow::DoubleArray>(*batch, c + 1).Value(1), 1e20);
  EXPECT_EQ(As<arrow::DoubleArray>(*batch, c + 1).Value(2), 1);
  EXPECT_TRUE(batch->column(c + 1)->IsNull(4));
  EXPECT_TRUE(batch->column(c + 2)->IsNull(1));
  EXPECT_TRUE(batch->column(c + 2)->IsNull(4));
}

TEST_F(RecordParserTest, AnyOrderOfMembers) {
  for (int round = 0; round < 3; ++round) {
    for (const char* value : {R"({"seats":4,"car_id":"c1","speed":88.5})",
                              R"({"speed":88.5,"seats":4,"car_id":"c1"})", kGood}) {
      EXPECT_EQ(Parse("k", value).verdict, Verdict::kValid);
    }
  }
  const auto batch = Finish();
  for (int row = 0; row < 9; ++row) {
    EXPECT_EQ(As<arrow::StringArray>(*batch, batch::kSystemColumns).GetView(row), "c1");
    EXPECT_EQ(As<arrow::DoubleArray>(*batch, batch::kSystemColumns + 1).Value(row), 88.5);
    EXPECT_EQ(As<arrow::Int64Array>(*batch, batch::kSystemColumns + 2).Value(row), 4);
  }
}

// The same length, beginning and end: only a part of the name tells them apart.
TEST(RecordParserNamesTest, SimilarNamesInAnyOrder) {
  const std::vector<std::string> names = {"a",
                                          "b",
                                          "ax",
                                          "bx",
                                          "abcdefgh",
                                          "abcdefgx",
                                          "xbcdefgh",
                                          "speed_front_axle",
                                          "speed_rear__axle",
                                          "speed_front_axlf",
                                          "trip_start_longitude",
                                          "trip_start_lomgitude",
                                          "trip_start_longitudf"};
  auto contract = std::make_shared<contract::Contract>();
  for (const std::string& name : names) {
    contract::Column column;
    column.name = name;
    column.type = LogicalType::kString;
    contract->columns.push_back(column);
  }
  RecordParser parser(contract);
  BatchBuilder builder(contract);
  std::mt19937_64 random(3);
  std::vector<std::string> order = names;
  for (int round = 0; round < 500; ++round) {
    std::swap(order[random() % order.size()], order[random() % order.size()]);
    std::string value = "{";
    for (const std::string& name : order) absl::StrAppend(&value, "\"", name, "\":\"", name, "\",");
    value.back() = '}';
    ASSERT_EQ(parser.Parse("k", value, 1, round, &builder).verdict, Verdict::kValid) << value;
  }
  const auto batch = builder.Finish();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& column =
        As<arrow::StringArray>(*batch, batch::kSystemColumns + static_cast<int>(i));
    for (int row = 0; row < 500; ++row) ASSERT_EQ(column.GetView(row), names[i]);
  }
}

TEST_F(RecordParserTest, BytesCountOnlyWhatIsStored) {
  contract_->columns[0].required = false;
  RecordParser parser(contract_);
  parser.Parse("k", R"({"car_id":null})", 1, 1, &builder_);
  const int64_t of_null = builder_.bytes();
  builder_.Clear();
  parser.Parse("k", absl::StrCat(R"({"car_id":")", std::string(1000, 'x'), "\"}"), 1, 1, &builder_);
  EXPECT_EQ(builder_.bytes(), of_null + 1000);
  parser.Parse("k", R"({"car_id":null})", 1, 1, &builder_);
  parser.Parse("k", R"({})", 1, 1, &builder_);
  EXPECT_EQ(builder_.bytes(), 3 * of_null + 1000);
}

TEST_F(RecordParserTest, LongRecordsBetweenShortOnes) {
  Limits limits;
  limits.max_record_bytes = 16 << 20;
  RecordParser parser(contract_, limits);
  for (const size_t length : {10, 20'000, 100, 3'000'000, 10'000'000, 10, 1'100'000, 1}) {
    const std::string id(length, 'x');
    EXPECT_EQ(parser.Parse("k", absl::StrCat(R"({"car_id":")", id, "\"}"), 1, 1, &builder_).verdict,
              Verdict::kValid);
    EXPECT_EQ(As<arrow::StringArray>(*Finish(), batch::kSystemColumns).GetView(0), id);
  }
}

std::string ManyMembers(int count) {
  std::string value = R"({"car_id":"c")";
  for (int i = 0; i < count; ++i) absl::StrAppend(&value, ",\"k", i, "\":", i);
  return value + "}";
}

// Linear work takes some tens of milliseconds; anything quadratic takes minutes.
TEST_F(RecordParserTest, ManyMembersTakeLinearTime) {
  Limits limits;
  limits.max_record_bytes = 64 << 20;
  const double start = CpuSeconds();
  for (const auto policy : {contract::UnknownFields::kReject, contract::UnknownFields::kIgnore}) {
    contract_->unknown_fields = policy;
    RecordParser parser(contract_, limits);
    const std::string value = ManyMembers(200'000);
    const auto judgement = parser.Parse("k", value, 1, 1, &builder_);
    EXPECT_EQ(judgement.verdict,
              policy == contract::UnknownFields::kIgnore ? Verdict::kValid : Verdict::kCorrupt);
    std::string repeated = value;
    repeated.back() = ',';
    repeated += R"("k100000":1})";
    EXPECT_EQ(parser.Parse("k", repeated, 1, 1, &builder_).reason, Reason::kDuplicateKey);
  }
  EXPECT_LT(CpuSeconds() - start, 10);
}

// Each zero makes the parser look for its text, behind an ever longer run of nested members.
TEST(RecordParserTimeTest, ZerosAmongNestedMembersTakeLinearTime) {
  auto contract = std::make_shared<contract::Contract>();
  contract->unknown_fields = contract::UnknownFields::kIgnore;
  std::string value = "{";
  for (int i = 0; i < 500; ++i) {
    contract::Column column;
    column.name = absl::StrCat("c", i);
    column.type = LogicalType::kNumber;
    contract->columns.push_back(column);
    absl::StrAppend(&value, "\"u", i, "\":[");
    for (int j = 0; j < 2000; ++j) value += "[],";
    absl::StrAppend(&value, "0],\"", column.name, "\":0.0,");
  }
  value += "\"last\":1e-400}";
  Limits limits;
  limits.max_record_bytes = 16 << 20;
  RecordParser parser(contract, limits);
  BatchBuilder builder(contract);
  const double start = CpuSeconds();
  EXPECT_EQ(parser.Parse("k", value, 1, 1, &builder).verdict, Verdict::kValid);
  EXPECT_LT(CpuSeconds() - start, 5);
}

// Bytes of all kinds: always one row, always a batch that holds together, and the same verdict from
// a fresh parser.
TEST_F(RecordParserTest, AnyBytes) {
  std::vector<std::string> seeds;
  for (const Case& c : ReadCases("tests/data/json/record_cases.txt")) {
    std::string text = Expand(c.text.substr(0, c.text.find(" =>"))).substr(0, 500);
    for (const auto& [from, to] : {std::pair("\"text\"", "\"car_id\""),
                                   {"\"real\"", "\"speed\""},
                                   {"\"small\"", "\"seats\""}}) {
      if (const size_t at = text.find(from); at != std::string::npos)
        text.replace(at, std::strlen(from), to);
    }
    seeds.push_back(text);
  }
  seeds.emplace_back(kGood);
  std::mt19937_64 random(11);
  batch::Counts counts{};
  for (int i = 0; i < 60'000; ++i) {
    std::string value = seeds[random() % seeds.size()];
    for (int edits = static_cast<int>(random() % 3); edits > 0 && !value.empty(); --edits) {
      const size_t at = random() % value.size();
      if (random() % 2 == 0) {
        value[at] = static_cast<char>(random());
      } else {
        value.replace(at, random() % 4, seeds[random() % seeds.size()].substr(0, random() % 12));
      }
    }
    const Judgement judgement = Parse("k", value);
    if (i % 16 == 0) {
      RecordParser fresh(contract_);
      BatchBuilder other(contract_);
      ASSERT_EQ(fresh.Parse("k", value, 1000, 1, &other), judgement) << Printable(value);
    }
    if (builder_.rows() == 1000) {
      for (size_t v = 0; v < counts.size(); ++v) counts[v] += builder_.counts()[v];
      ASSERT_EQ(Finish()->num_rows(), 1000);
    }
  }
  EXPECT_EQ(batch::Total(counts), 60'000);
  EXPECT_GT(counts[static_cast<size_t>(Verdict::kValid)], 500);
  EXPECT_GT(counts[static_cast<size_t>(Verdict::kCorrupt)], 20'000);
}

}  // namespace
}  // namespace sluice::record
