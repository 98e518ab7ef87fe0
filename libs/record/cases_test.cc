// Runs the text cases of tests/data/json and tests/data/hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "batch/schema.h"
#include "contract/pipeline.h"
#include "contract/timestamp.h"
#include "record/case_file.h"
#include "record/record_parser.h"

namespace sluice::record {
namespace {

using batch::Reason;
using batch::Verdict;
using contract::LogicalType;

constexpr char kParsingCases[] = "tests/data/json/parsing_cases.txt";
constexpr char kRecordCases[] = "tests/data/json/record_cases.txt";
constexpr char kNestedCases[] = "tests/data/json/nested_cases.txt";
constexpr char kArrayCases[] = "tests/data/json/array_cases.txt";
constexpr char kArraysOfObjectsCases[] = "tests/data/json/arrays_of_objects_cases.txt";

std::string NameOf(const std::optional<Reason>& reason) {
  return reason ? std::string(batch::Name(*reason)) : "-";
}

std::shared_ptr<contract::Contract> CaseContract() {
  auto contract = std::make_shared<contract::Contract>();
  const auto add = [&](const char* name, LogicalType type, int64_t min = 0, int64_t max = 0) {
    contract::Column column;
    column.name = name;
    column.type = type;
    column.integer_min = min;
    column.integer_max = max;
    contract->columns.push_back(column);
  };
  add("text", LogicalType::kString);
  add("small", LogicalType::kInteger, INT16_MIN, INT16_MAX);
  add("big", LogicalType::kInteger, INT64_MIN, INT64_MAX);
  add("real", LogicalType::kNumber);
  add("flag", LogicalType::kBoolean);
  add("day", LogicalType::kDate);
  add("at", LogicalType::kTimestamp);
  add("clock", LogicalType::kTime);
  return contract;
}

std::shared_ptr<contract::Contract> Load(const char* file) {
  const auto contract = contract::LoadContract(file);
  EXPECT_TRUE(contract.ok()) << contract.status();
  return std::make_shared<contract::Contract>(**contract);
}

/// Make a column or object required.
void Require(const std::string& name, contract::Contract* contract) {
  const int column = contract->FindColumn(name), object = contract->FindObject(name);
  ASSERT_NE(column < 0, object < 0) << name;
  if (column >= 0) {
    contract->columns[static_cast<size_t>(column)].required = true;
  } else {
    contract->objects[static_cast<size_t>(object)].required = true;
  }
}

Limits CaseLimits() {
  Limits limits;
  limits.max_record_bytes = 16384;
  limits.max_depth = 8;
  return limits;
}

/// A value as the case file writes it.
std::string CellText(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return "null";
  switch (column.type_id()) {
    case arrow::Type::STRING:
      return Printable(static_cast<const arrow::StringArray&>(column).GetView(row));
    case arrow::Type::DOUBLE: {
      char text[40];
      const double number = static_cast<const arrow::DoubleArray&>(column).Value(row);
      for (int digits = 1; digits <= 17; ++digits) {
        std::snprintf(text, sizeof(text), "%.*g", digits, number);
        if (std::strtod(text, nullptr) == number) break;
      }
      return text;
    }
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(column).Value(row) ? "true" : "false";
    case arrow::Type::DATE32:
      return absl::StrCat(static_cast<const arrow::Date32Array&>(column).Value(row));
    case arrow::Type::TIMESTAMP:
      return absl::StrCat(static_cast<const arrow::TimestampArray&>(column).Value(row));
    case arrow::Type::TIME64:
      return absl::StrCat(static_cast<const arrow::Time64Array&>(column).Value(row));
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(column);
      std::vector<std::string> items;
      for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i)
        items.push_back(CellText(*list.values(), i));
      return absl::StrCat("[", absl::StrJoin(items, ","), "]");
    }
    default:
      return absl::StrCat(static_cast<const arrow::Int64Array&>(column).Value(row));
  }
}

/// The columns of the only row that are not null.
std::string Columns(const arrow::RecordBatch& batch) {
  std::vector<std::string> cells;
  for (int i = batch::kSystemColumns; i < batch.num_columns(); ++i) {
    const arrow::Array& column = *batch.column(i);
    if (column.IsNull(0)) continue;
    cells.push_back(absl::StrCat(batch.schema()->field(i)->name(), "=", CellText(column, 0)));
  }
  return absl::StrJoin(cells, " ");
}

/// Cases per verdict or reason.
std::map<std::string, int> RunCases(
    const std::string& file, const std::function<std::shared_ptr<contract::Contract>()>& make) {
  std::map<std::string, int> counts;
  for (const Case& c : ReadCases(file)) {
    SCOPED_TRACE(absl::StrCat(absl::StrJoin(c.section, " "), ": ", c.name));
    const auto contract = make();
    const bool valid = c.section[0] == "valid";
    std::string expected_column = "-";
    for (size_t i = valid ? 1 : 2; i < c.section.size(); ++i) {
      const std::string& option = c.section[i];
      const std::string value = option.substr(option.find('=') + 1);
      if (absl::StartsWith(option, "column=")) {
        expected_column = value;
      } else if (absl::StartsWith(option, "required=")) {
        Require(value, contract.get());
      } else {
        EXPECT_EQ(option, "unknown=ignore");
        contract->unknown_fields = contract::UnknownFields::kIgnore;
      }
    }
    const size_t arrow_sign = valid ? c.text.find(" =>") : c.text.size();
    EXPECT_NE(arrow_sign, std::string::npos);
    const std::string value = Expand(c.text.substr(0, arrow_sign));

    RecordParser parser(contract, CaseLimits());
    BatchBuilder builder(contract);
    const Judgement judgement = parser.Parse("key", value, 1, 7, &builder);
    EXPECT_EQ(builder.rows(), 1);
    const auto batch = builder.Finish();
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
    // Nothing of a record stays for the next one.
    EXPECT_EQ(parser.Parse("key", value, 1, 7, &builder), judgement);
    EXPECT_TRUE(builder.Finish()->Equals(*batch));
    ++counts[valid ? "valid" : c.section[1]];

    if (valid) {
      EXPECT_EQ(NameOf(judgement.reason), "-");
      EXPECT_EQ(judgement.verdict, Verdict::kValid);
      const std::string expected =
          arrow_sign + 4 < c.text.size() ? c.text.substr(arrow_sign + 4) : std::string();
      EXPECT_EQ(Columns(*batch), absl::StrContains(expected, "%(") ? Expand(expected) : expected);
      EXPECT_TRUE(batch->column(batch::kRaw)->IsNull(0));
    } else {
      EXPECT_EQ(judgement.verdict, Verdict::kCorrupt);
      EXPECT_EQ(NameOf(judgement.reason), c.section[1]);
      const std::string subject = Subject(*contract, judgement);
      EXPECT_EQ(subject.empty() ? "-" : subject, expected_column);
      EXPECT_EQ(Columns(*batch), "");
      EXPECT_EQ(static_cast<const arrow::BinaryArray&>(*batch->column(batch::kRaw)).GetView(0),
                value);
    }
  }
  return counts;
}

TEST(RecordCases, EveryRecordGetsItsVerdict) {
  std::map<std::string, int> counts = RunCases(kRecordCases, CaseContract);
  // A parser that accepts everything, or a file that lost its cases, must not pass.
  EXPECT_GE(counts["valid"], 50);
  for (const char* reason :
       {"invalid_json", "invalid_utf8", "byte_order_mark", "not_an_object", "duplicate_key",
        "missing_field", "unknown_field", "wrong_type", "number_out_of_range", "invalid_timestamp",
        "invalid_date", "nul_character", "empty_value", "oversize", "too_deep", "invalid_time"}) {
    EXPECT_GE(counts[reason], 1) << reason;
  }
}

TEST(RecordCases, EveryNestedRecordGetsItsVerdict) {
  std::map<std::string, int> counts =
      RunCases(kNestedCases, [] { return Load("tests/data/json/nested.odcs.yaml"); });
  EXPECT_GE(counts["valid"], 30);
  for (const char* reason :
       {"missing_field", "wrong_type", "duplicate_key", "unknown_field", "number_out_of_range"})
    EXPECT_GE(counts[reason], 5) << reason;
}

TEST(RecordCases, EveryRecordWithArraysGetsItsVerdict) {
  std::map<std::string, int> counts =
      RunCases(kArrayCases, [] { return Load("tests/data/json/arrays.odcs.yaml"); });
  EXPECT_GE(counts["valid"], 20);
  for (const char* reason : {"missing_field", "wrong_type", "number_out_of_range"})
    EXPECT_GE(counts[reason], 5) << reason;
}

TEST(RecordCases, EveryRecordWithArraysOfObjectsGetsItsVerdict) {
  std::map<std::string, int> counts = RunCases(
      kArraysOfObjectsCases, [] { return Load("tests/data/json/arrays_of_objects.odcs.yaml"); });
  EXPECT_GE(counts["valid"], 25);
  for (const char* reason : {"missing_field", "wrong_type", "duplicate_key", "number_out_of_range"})
    EXPECT_GE(counts[reason], 7) << reason;
  for (const char* reason : {"unknown_field", "nul_character", "invalid_date", "invalid_timestamp"})
    EXPECT_GE(counts[reason], 1) << reason;
}

/// The only value of a column of dates, timestamps or times, as ISO 8601.
std::string Iso(const arrow::Array& column) {
  std::string text;
  switch (column.type_id()) {
    case arrow::Type::DATE32:
      contract::AppendDate(static_cast<const arrow::Date32Array&>(column).Value(0), &text);
      break;
    case arrow::Type::TIME64:
      contract::AppendTimeOfDay(static_cast<const arrow::Time64Array&>(column).Value(0), &text);
      break;
    default:
      contract::AppendTimestamp(static_cast<const arrow::TimestampArray&>(column).Value(0), &text);
  }
  return text;
}

// tests/data/formats/times.txt: `value => ISO 8601` or `=> reason`, under `== TYPE OPTIONS`.
TEST(RecordCases, TimeFormats) {
  std::ifstream file("tests/data/formats/times.txt");
  ASSERT_TRUE(file.good());
  std::shared_ptr<const contract::Contract> contract;
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    SCOPED_TRACE(line);
    if (absl::StartsWith(line, "== ")) {
      const size_t space = line.find(' ', 3);
      const std::string body = absl::StrCat(
          "{apiVersion: v3.1.0, kind: DataContract, id: x, version: 1.0.0, status: a, schema: "
          "[{name: t, properties: [{name: v, logicalType: ",
          line.substr(3, space - 3), ", logicalTypeOptions: ", line.substr(space + 1), "}]}]}");
      const auto parsed = contract::ParseContract(body, "x");
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      contract = *parsed;
      continue;
    }
    const size_t arrow = line.rfind(" => ");
    ASSERT_NE(arrow, std::string::npos);
    RecordParser parser(contract, CaseLimits());
    BatchBuilder builder(contract);
    const Judgement judgement = parser.Parse(
        "key", absl::StrCat("{\"v\":\"", line.substr(0, arrow), "\"}"), 1, 7, &builder);
    const auto batch = builder.Finish();
    ASSERT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull();
    EXPECT_EQ(
        judgement.reason ? NameOf(judgement.reason) : Iso(*batch->column(batch::kSystemColumns)),
        line.substr(arrow + 4));
    ++cases;
  }
  EXPECT_GE(cases, 60);
}

// Their columns, rules and headers are the business of tests/faults/test_hostile.py.
TEST(HostileRecords, EveryRecordGetsItsVerdict) {
  const auto contract = contract::LoadContract("tests/data/hostile/contract.odcs.yaml");
  ASSERT_TRUE(contract.ok()) << contract.status();
  const contract::PipelineConfig pipeline;
  const Limits limits{pipeline.max_record_bytes, pipeline.max_raw_bytes, pipeline.max_key_bytes,
                      pipeline.max_depth};
  RecordParser parser(*contract, limits);
  BatchBuilder builder(*contract);
  std::map<std::string, int> verdicts;
  for (const HostileRecord& record : ReadHostileRecords()) {
    SCOPED_TRACE(record.name);
    const Judgement judgement =
        parser.Parse(record.key, record.value, record.timestamp_ms.value_or(1), 7, &builder);
    ASSERT_EQ(builder.rows(), 1);
    const auto batch = builder.Finish();
    EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull();
    const std::string expected =
        record.verdict == "failed" || record.verdict == "clean" ? "valid" : record.verdict;
    EXPECT_EQ(batch::Name(judgement.verdict), expected) << NameOf(judgement.reason);
    EXPECT_EQ(NameOf(judgement.reason), record.reason.empty() ? "-" : record.reason);
    ++verdicts[expected];
  }
  EXPECT_GE(verdicts["valid"], 200);
  EXPECT_GE(verdicts["corrupt"], 300);
  EXPECT_GE(verdicts["tombstone"], 1);
}

class ParsingCases : public testing::Test {
 protected:
  ParsingCases() : contract_(CaseContract()), builder_(contract_) { limits_.max_depth = 64; }

  Judgement Parse(const std::string& value, contract::UnknownFields unknown) {
    contract_->unknown_fields = unknown;
    RecordParser parser(contract_, limits_);
    builder_.Clear();
    return parser.Parse(std::nullopt, value, -1, 0, &builder_);
  }

  std::shared_ptr<contract::Contract> contract_;
  Limits limits_;
  BatchBuilder builder_;
};

TEST_F(ParsingCases, AreAllThere) {
  std::map<std::string, int> counts;
  std::map<std::string, int> names;
  for (const Case& c : ReadCases(kParsingCases)) {
    ++counts[c.section[0]];
    EXPECT_EQ(++names[c.name], 1) << c.name;
  }
  EXPECT_EQ(counts["accept"], 95);
  EXPECT_EQ(counts["reject"], 188);
  EXPECT_EQ(counts["open"], 35);
}

TEST_F(ParsingCases, AreAcceptedOrRejectedForTheirReason) {
  RecordParser parser(contract_, limits_);
  for (const Case& c : ReadCases(kParsingCases)) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(NameOf(parser.CheckJson(Expand(c.text))),
              c.section[0] == "accept" ? "-" : c.section[1]);
  }
}

// As whole records, the texts to accept are corrupt for what they say, never for how they are
// written.
TEST_F(ParsingCases, AsRecords) {
  for (const Case& c : ReadCases(kParsingCases)) {
    SCOPED_TRACE(c.name);
    const std::string value = Expand(c.text);
    const Judgement judgement = Parse(value, contract::UnknownFields::kReject);
    const std::string reason = NameOf(judgement.reason);
    if (c.section[0] != "accept" && c.section[1] != "-") {
      EXPECT_EQ(reason, c.section[1]);
    } else if (value.find('{') != value.find_first_not_of(" \t\r\n")) {
      EXPECT_EQ(reason, "not_an_object");
    } else if (absl::StartsWith(c.name, "object with a name twice") ||
               absl::StartsWith(c.name, "object with a member twice")) {
      EXPECT_EQ(reason, "duplicate_key");
    } else {
      EXPECT_EQ(reason, c.name == "object, empty" ? "-" : "unknown_field");
    }
  }
}

// As a member that is ignored, a text that is JSON makes a valid record, and nothing else does.
TEST_F(ParsingCases, AsIgnoredMembers) {
  for (const Case& c : ReadCases(kParsingCases)) {
    SCOPED_TRACE(c.name);
    const std::string value = absl::StrCat("{\"other\":", Expand(c.text), "}");
    const Judgement judgement = Parse(value, contract::UnknownFields::kIgnore);
    const bool json = c.section[0] == "accept" || c.section[1] == "-";
    EXPECT_EQ(judgement.verdict, json ? Verdict::kValid : Verdict::kCorrupt)
        << NameOf(judgement.reason);
  }
}

// As the value of a column, a text that is JSON is stored or refused for its type, its range or its
// U+0000.
TEST_F(ParsingCases, AsColumns) {
  for (const Case& c : ReadCases(kParsingCases)) {
    SCOPED_TRACE(c.name);
    const std::string text = Expand(c.text);
    const bool json = c.section[0] == "accept" || c.section[1] == "-";
    for (const contract::Column& column : contract_->columns) {
      const Judgement judgement = Parse(absl::StrCat("{\"", column.name, "\":", text, "}"),
                                        contract::UnknownFields::kReject);
      const std::string reason = NameOf(judgement.reason);
      if (!json) {
        EXPECT_EQ(judgement.verdict, Verdict::kCorrupt);
        EXPECT_THAT(reason, testing::AnyOf("invalid_json", "invalid_utf8", "too_deep"));
        continue;
      }
      std::string expected = "wrong_type";
      if (text == "null") expected = "-";
      if (text[0] == '"' && column.type == LogicalType::kString) expected = "-";
      if (text[0] == '"' && column.type == LogicalType::kDate) expected = "invalid_date";
      if (text[0] == '"' && column.type == LogicalType::kTimestamp) expected = "invalid_timestamp";
      if (text[0] == '"' && column.type == LogicalType::kTime) expected = "invalid_time";
      if ((text == "true" || text == "false") && column.type == LogicalType::kBoolean)
        expected = "-";
      if (text == "42" &&
          (column.type == LogicalType::kInteger || column.type == LogicalType::kNumber)) {
        expected = "-";
      }
      if (text == "-0.1" && column.type == LogicalType::kNumber) expected = "-";
      EXPECT_EQ(reason, expected) << column.name;
    }
  }
}

// The cases write most values inside an array; without it, the numbers and strings meet their
// columns.
TEST_F(ParsingCases, AsColumnsWithoutTheArrayAround) {
  std::map<std::string, int> numbers;
  std::map<std::string, int> strings;
  for (const Case& c : ReadCases(kParsingCases)) {
    SCOPED_TRACE(c.name);
    const std::string text = Expand(c.text);
    const bool json = c.section[0] == "accept" || c.section[1] == "-";
    const size_t close = text.find_last_not_of(" \n");
    if (!json || text[0] != '[' || close < 2 || text[close] != ']') continue;
    const std::string item = text.substr(1, close - 1);
    const size_t start = item.find_first_not_of(' ');
    if (start == std::string::npos || item.find(',') != std::string::npos) continue;
    if (item[start] == '-' || (item[start] >= '0' && item[start] <= '9')) {
      ++numbers[NameOf(
          Parse(absl::StrCat("{\"real\":", item, "}"), contract::UnknownFields::kReject).reason)];
    } else if (item[start] == '"') {
      ++strings[NameOf(
          Parse(absl::StrCat("{\"text\":", item, "}"), contract::UnknownFields::kReject).reason)];
    }
  }
  // Overflow five times, underflow twice. The integers wider than 64 bits are rounded.
  EXPECT_EQ(numbers, (std::map<std::string, int>{{"-", 24}, {"number_out_of_range", 7}}));
  EXPECT_EQ(strings, (std::map<std::string, int>{{"-", 44}, {"nul_character", 1}}));
}

}  // namespace
}  // namespace sluice::record
