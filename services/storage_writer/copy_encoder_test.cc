#include "storage_writer/copy_encoder.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "batch/schema.h"
#include "storage_writer/copy_encoder_text.h"
#include "storage_writer/postgres_sink_for_test.h"

namespace sluice::storage_writer {
namespace {

using Kind = tables::ValueSource::Kind;

CopyEncoder::Column Field(int contract_column, PgType type) {
  return {{Kind::kField, batch::kSystemColumns + contract_column}, type};
}

// All rows as hexadecimal digits.
std::string Encoded(std::vector<CopyEncoder::Column> columns, const std::vector<SinkRow>& rows,
                    int64_t from = 0) {
  const auto contract = ContractForSinkTest();
  CopyEncoder encoder(std::move(columns));
  BatchConstants constants;
  constants.contract = contract.get();
  constants.partition = 3;
  constants.contract_id = 7;
  constants.load_timestamp_us = kPostgresEpochMicros + 5;
  // A slice: the encoder must honour Arrow's offsets.
  const auto batch = RowsForSinkTest(*contract, rows)->Slice(from);
  EXPECT_TRUE(encoder.Bind(*batch, constants).ok());
  std::vector<int32_t> numbers(static_cast<size_t>(batch->num_rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  CopyBuffer out;
  encoder.Encode(numbers, &out);
  return absl::BytesToHexString({out.view().data(), out.view().size()});
}

TEST(CopyEncoder, GoldenBytesOfOneRow) {
  SinkRow row{.offset = 258,
              .broken_rules = {1, 2},
              .key = "k",
              .car = "VW",
              .trip = -2,
              .speed = 1.5,
              .moving = true,
              .day = kPostgresEpochDays + 1,
              .at = kPostgresEpochMicros - 1};
  EXPECT_EQ(Encoded({Field(0, PgType::kText),
                     Field(1, PgType::kInt4),
                     Field(2, PgType::kFloat8),
                     Field(3, PgType::kBool),
                     Field(4, PgType::kDate),
                     Field(5, PgType::kTimestampTz),
                     {{Kind::kKey}, PgType::kText},
                     {{Kind::kPartition}, PgType::kInt4},
                     {{Kind::kField, batch::kOffset}, PgType::kInt8},
                     {{Kind::kConstant, -1, "ok"}, PgType::kText},
                     {{Kind::kLoadTimestamp}, PgType::kTimestampTz},
                     {{Kind::kContractId}, PgType::kInt4},
                     {{Kind::kField, batch::kFailedRules}, PgType::kBytea}},
                    {row}),
            "000d"
            "000000025657"              // car
            "00000004fffffffe"          // trip
            "000000083ff8000000000000"  // speed
            "0000000101"                // moving
            "0000000400000001"          // day
            "00000008ffffffffffffffff"  // at
            "000000016b"                // message_key
            "0000000400000003"          // kafka_partition
            "000000080000000000000102"  // kafka_offset
            "000000026f6b"              // qc_status
            "000000080000000000000005"  // load_timestamp
            "0000000400000007"          // contract_id
            "0000000106");              // failed_rules
}

/// A batch whose only column of the contract is `array`.
std::string EncodedArrays(const std::shared_ptr<arrow::Array>& array, PgType type, uint32_t oid,
                          int64_t from = 0) {
  const auto contract = ContractForSinkTest();
  const auto head = RowsForSinkTest(*contract, std::vector<SinkRow>(array->length()));
  const auto batch =
      head->AddColumn(batch::kSystemColumns, "tags", array).ValueOrDie()->Slice(from);
  CopyEncoder encoder({{{Kind::kField, batch::kSystemColumns}, type, oid}});
  const absl::Status bound = encoder.Bind(*batch, {contract.get()});
  EXPECT_TRUE(bound.ok()) << bound;
  std::vector<int32_t> numbers(static_cast<size_t>(batch->num_rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  CopyBuffer out;
  encoder.Encode(numbers, &out);
  return absl::BytesToHexString({out.view().data(), out.view().size()});
}

TEST(CopyEncoder, ArraysOfTexts) {
  const auto items = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  ASSERT_TRUE(lists.Append().ok() && items->Append("never").ok());
  ASSERT_TRUE(lists.Append().ok() && items->Append("ab").ok() && items->AppendNull().ok() &&
              items->Append("").ok());
  ASSERT_TRUE(lists.Append().ok());
  ASSERT_TRUE(lists.AppendNull().ok());
  EXPECT_EQ(EncodedArrays(lists.Finish().ValueOrDie(), PgType::kText, 25, /*from=*/1),
            "0001"
            "00000022"                  // bytes
            "000000010000000100000019"  // one dimension, with nulls, of text
            "0000000300000001"          // three items from index 1
            "000000026162"
            "ffffffff"
            "00000000"
            "0001"
            "0000000c"
            "000000000000000000000019"  // no dimension
            "0001"
            "ffffffff");
}

TEST(CopyEncoder, ArraysOfNumbersThatDoNotFit) {
  const auto items = std::make_shared<arrow::Int64Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  ASSERT_TRUE(lists.Append().ok() && items->Append(-2).ok() && items->Append(40'000).ok());
  EXPECT_EQ(EncodedArrays(lists.Finish().ValueOrDie(), PgType::kInt2, 21),
            "0001"
            "00000026"
            "000000010000000000000015"
            "0000000200000001"
            "00000002fffe"
            "000000080000000000000000");  // longer than its type: refused
}

// What follows in a row has its room, however many items there were.
TEST(CopyEncoder, ArraysOfObjectsAreOneValue) {
  const auto items = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  ASSERT_TRUE(lists.Append().ok() && items->Append("never").ok());
  ASSERT_TRUE(lists.Append().ok() && items->Append("{}").ok() && items->AppendNull().ok() &&
              items->Append(R"({"a":1})").ok());
  ASSERT_TRUE(lists.Append().ok());
  ASSERT_TRUE(lists.AppendNull().ok());
  ASSERT_TRUE(lists.Append().ok() && items->AppendNull().ok());
  const auto array = lists.Finish().ValueOrDie();
  const auto field = [](std::string_view text) {
    return absl::StrCat(absl::StrFormat("%08x", text.size()),
                        absl::BytesToHexString({text.data(), text.size()}));
  };
  EXPECT_EQ(EncodedArrays(array, PgType::kJsonb, 0, /*from=*/1),
            absl::StrCat("0001", field("\1[{},null,{\"a\":1}]"), "0001", field("\1[]"), "0001",
                         "ffffffff", "0001", field("\1[null]")));
  EXPECT_EQ(EncodedArrays(array, PgType::kText, 0, /*from=*/1),
            absl::StrCat("0001", field("[{},null,{\"a\":1}]"), "0001", field("[]"), "0001",
                         "ffffffff", "0001", field("[null]")));
}

TEST(CopyEncoder, ArraysOfManyLengths) {
  const auto items = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  std::string expected;
  for (size_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(lists.Append().ok());
    std::string texts;
    for (size_t j = 0; j < i; ++j) {
      ASSERT_TRUE(items->Append(std::string(i, 'x')).ok());
      texts += absl::StrFormat("%08x", i) + absl::BytesToHexString(std::string(i, 'x'));
    }
    const std::string count = i == 0 ? "" : absl::StrFormat("%08x00000001", i);
    expected += absl::StrFormat("0001%08x%08x0000000000000019", 12 + (count + texts).size() / 2,
                                i == 0 ? 0 : 1) +
                count + texts;
  }
  EXPECT_EQ(EncodedArrays(lists.Finish().ValueOrDie(), PgType::kText, 25), expected);
}

TEST(CopyEncoder, NullsAndSlices) {
  std::vector<SinkRow> rows(3);
  rows[0].car = "never";
  rows[1].moving = true;
  rows[2].car = "b";
  rows[2].moving = false;
  EXPECT_EQ(Encoded({Field(0, PgType::kText), Field(3, PgType::kBool)}, rows, 1),
            "0002"
            "ffffffff"
            "0000000101"
            "0002"
            "0000000162"
            "0000000100");
}

TEST(CopyEncoder, NarrowsOnlyWhatFits) {
  std::vector<SinkRow> rows(2);
  rows[0].trip = 32'767;
  rows[1].trip = 32'768;
  EXPECT_EQ(Encoded({Field(1, PgType::kInt2)}, rows),
            "0001"
            "00000002"
            "7fff"
            "0001"
            "00000008"
            "0000000000000000");
  rows[0].trip = std::numeric_limits<int32_t>::min();
  rows[1].trip = int64_t{std::numeric_limits<int32_t>::min()} - 1;
  EXPECT_EQ(Encoded({Field(1, PgType::kInt4)}, rows),
            "0001"
            "00000004"
            "80000000"
            "0001"
            "00000008"
            "0000000000000000");
  EXPECT_EQ(Encoded({Field(1, PgType::kFloat8)}, {rows[0]}),
            "0001"
            "00000008"
            "c1e0000000000000");
  rows[0].speed = 0.5;
  rows[1].speed = 1e300;
  EXPECT_EQ(Encoded({Field(2, PgType::kFloat4)}, rows),
            "0001"
            "00000004"
            "3f000000"
            "0001"
            "00000008"
            "0000000000000000");
}

TEST(CopyEncoder, TimesBeyondTheTypeAreRefusedNotInfinite) {
  std::vector<SinkRow> rows(1);
  rows[0].at = std::numeric_limits<int64_t>::min();
  rows[0].day = std::numeric_limits<int32_t>::min() + kPostgresEpochDays;  // would become -infinity
  EXPECT_EQ(Encoded({Field(5, PgType::kTimestampTz), Field(4, PgType::kDate)}, rows),
            "0002"
            "00000008"
            "8000000000000001"
            "00000004"
            "80000001");
}

TEST(CopyEncoder, ReasonsSummariesAndRawText) {
  std::vector<SinkRow> rows(2);
  rows[0].reason = batch::Reason::kTooDeep;
  rows[0].raw = std::string("a\0\xff", 3);
  rows[1].broken_rules = {0, 1, 2};
  EXPECT_EQ(Encoded({{{Kind::kReason}, PgType::kText},
                     {{Kind::kRawText}, PgType::kText},
                     {{Kind::kSummary}, PgType::kText}},
                    rows),
            "0003"
            "00000008" +
                absl::BytesToHexString("too_deep") + "00000009" +
                absl::BytesToHexString("a\\x00\\xff") + "ffffffff" +
                "0003"
                "ffffffff"
                "ffffffff"
                "00000015" +
                absl::BytesToHexString("car null, speed > 250"));
}

TEST(CopyEncoder, ManyRowsOfManyLengths) {
  std::vector<SinkRow> rows(2000);
  std::string expected;
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].car = std::string(i, 'x');
    expected +=
        absl::StrFormat("0002%08x", i) + absl::BytesToHexString(*rows[i].car) + "0000000400000003";
  }
  EXPECT_EQ(Encoded({Field(0, PgType::kText), {{Kind::kPartition}, PgType::kInt4}}, rows),
            expected);
}

TEST(CopyEncoder, RefusesAColumnOfAnotherType) {
  const auto contract = ContractForSinkTest();
  CopyEncoder encoder({Field(0, PgType::kInt8)});
  EXPECT_EQ(encoder.Bind(*RowsForSinkTest(*contract, {{}}), {contract.get()}).code(),
            absl::StatusCode::kInternal);
}

TEST(VisibleText, EscapesOnlyWhatIsNoText) {
  EXPECT_EQ(VisibleText("plain \\x41 ünïcode 🚗\n\t"), "plain \\x41 ünïcode 🚗\n\t");
  EXPECT_EQ(VisibleText(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(VisibleText("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(VisibleText("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(VisibleText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(VisibleText("12345678\xe2\x82"), "12345678\\xe2\\x82");    // cut off
  EXPECT_EQ(KeyText("car-1"), "car-1");
  EXPECT_EQ(KeyText(std::string_view("\0\1\xff", 3)), "\\x0001ff");
  EXPECT_EQ(KeyText(""), "");
}

TEST(IsStorableText, SameByWordAndByByte) {
  for (size_t position = 0; position < 20; ++position) {
    std::string text(20, 'a');
    EXPECT_TRUE(IsStorableText(text));
    for (const char bad : {'\0', '\x80', '\xff'}) {
      text[position] = bad;
      EXPECT_FALSE(IsStorableText(text)) << position;
    }
    text[position] = '\x01';
    EXPECT_TRUE(IsStorableText(text)) << position;
  }
}

std::string Numeric(std::string_view text) { return absl::BytesToHexString(NumericBinary(text)); }

TEST(NumericBinary, GoldenBytes) {
  EXPECT_EQ(Numeric("0"), "0000000000000000");
  EXPECT_EQ(Numeric("1"), "00010000000000000001");
  EXPECT_EQ(Numeric("-12345.678"),
            "000300014000000300010929"
            "1a7c");
  EXPECT_EQ(Numeric("0.0001"), "0001ffff000000040001");
  EXPECT_EQ(Numeric("1e20"),
            "0001000500000000"
            "0001");
  EXPECT_EQ(Numeric("1.5e-7"),
            "0001fffe00000008"
            "000f");
  EXPECT_EQ(Numeric("nan"), "00000000c0000000");
  EXPECT_EQ(Numeric("-inf"), "00000000f0000000");
  EXPECT_EQ(Numeric("12x"), "");
  EXPECT_EQ(NumericBinary(0.1), NumericBinary("0.1"));
}

TEST(UuidBinary, Spellings) {
  const std::string hex = "0123456789abcdef0123456789abcdef";
  EXPECT_EQ(absl::BytesToHexString(UuidBinary("01234567-89ab-CDEF-0123-456789abcdef")), hex);
  EXPECT_EQ(absl::BytesToHexString(UuidBinary("{" + hex + "}")), hex);
  EXPECT_EQ(UuidBinary("0123"), "");
  EXPECT_EQ(UuidBinary("g" + hex.substr(1)), "");
}

}  // namespace
}  // namespace sluice::storage_writer
