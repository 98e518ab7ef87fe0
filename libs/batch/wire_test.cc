#include "batch/wire.h"

#include <cstring>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_nested.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "batch/batch_for_test.h"
#include "batch/row_json.h"
#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "sluice/wire/v1/coverage.pb.h"

namespace sluice::batch {
namespace {

using ::testing::HasSubstr;

std::string_view View(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

/// The 13 offsets 100, 101, 103, ... of a batch with a bit of everything.
std::vector<RowForTest> Mixture() {
  return {{100, Verdict::kValid, {}, {}},
          {101, Verdict::kFailed, {}, 0},
          {103, Verdict::kCorrupt, Reason::kInvalidRecordTimestamp, {}},
          {104, Verdict::kTombstone, {}, {}},
          {105, Verdict::kFailed, {}, 8},
          {106, Verdict::kClean, {}, {}},
          {107, Verdict::kClean, {}, 2},
          {108, Verdict::kCorrupt, Reason::kInvalidJson, {}},
          {109, Verdict::kFiltered, {}, 1},
          {110, Verdict::kDuplicate, {}, {}},
          {111, Verdict::kLate, {}, {}},
          {117, Verdict::kValid, {}, {}},
          {118, Verdict::kValid, {}, {}}};
}

Coverage CoverageOf(const arrow::RecordBatch& rows, Range range) {
  Coverage coverage;
  coverage.pipeline = "telemetry";
  coverage.topic = "raw_telemetry";
  coverage.range = range;
  coverage.counts = CountVerdicts(rows);
  return coverage;
}

// ---- The rows
// -------------------------------------------------------------------------------------------------------

/// Windows of sixty microseconds, counted up to `next`.
OpenWindow WindowsOfTime(Offset next) {
  return {0,
          std::string(64, 'c'),
          {{3, next}, 0, 0, {}},
          TimeWindows{60,
                      90,
                      "at",
                      250,
                      -60,
                      {{{9, 9}, 10, 9, {0, 9}, 180, 2}, {{11, 11}, 10, 9, {0, 9}, 240}}}};
}

/// The contract of the tests with arrays of texts and of booleans.
std::shared_ptr<const contract::Contract> ContractWithArrays() {
  auto contract = std::make_shared<contract::Contract>(*ContractForTest(/*rules=*/9));
  for (const auto& [name, type] : {std::pair("stops", contract::LogicalType::kString),
                                   std::pair("doors", contract::LogicalType::kBoolean)}) {
    contract::Column& column = contract->columns.emplace_back();
    column.name = name;
    column.type = type;
    column.list = true;
  }
  return contract;
}

/// Arrays of none to four items, some of them null; `value(n)` is item n counted from the row's
/// offset.
template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> Arrays(const std::vector<RowForTest>& rows, Value value) {
  const auto items = std::make_shared<Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  for (const RowForTest& row : rows) {
    if (row.reason || row.offset % 4 == 1) {
      EXPECT_TRUE(lists.AppendNull().ok());
      continue;
    }
    EXPECT_TRUE(lists.Append().ok());
    for (int64_t i = 0; i < row.offset % 5; ++i)
      EXPECT_TRUE((i == 2 ? items->AppendNull() : items->Append(value(row.offset + i))).ok());
  }
  return lists.Finish().ValueOrDie();
}

class WireTest : public testing::Test {
 protected:
  std::shared_ptr<arrow::RecordBatch> Rows(const std::vector<RowForTest>& rows) {
    auto batch = RowsForTest(*ContractForTest(/*rules=*/9), rows).ValueOrDie();
    arrow::ArrayVector columns = batch->columns();
    columns.push_back(Arrays<arrow::StringBuilder>(
        rows, [](int64_t n) { return std::string(static_cast<size_t>(n % 3), 's'); }));
    columns.push_back(Arrays<arrow::BooleanBuilder>(rows, [](int64_t n) { return n % 3 == 0; }));
    return arrow::RecordBatch::Make(BatchSchema(*contract_), batch->num_rows(), columns);
  }
  std::shared_ptr<arrow::Buffer> Encode(const arrow::RecordBatch& rows) {
    return encoder_.Encode(rows).value();
  }
  absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> Decode(std::string_view bytes,
                                                             const Coverage& coverage) {
    return decoder_.Decode(bytes, nullptr, coverage);
  }

  const std::shared_ptr<const contract::Contract> contract_ = ContractWithArrays();
  Encoder encoder_{contract_};
  Decoder decoder_{contract_};
};

TEST_F(WireTest, EveryTypeAndNullComesBack) {
  const auto rows = Rows(Mixture());
  const auto bytes = Encode(*rows);
  const auto decoded = Decode(View(*bytes), CoverageOf(*rows, {100, 120}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE((*decoded)->Equals(*rows));
  EXPECT_TRUE((*decoded)->schema()->Equals(*BatchSchema(*contract_)));
  EXPECT_TRUE((*decoded)->ValidateFull().ok());
}

TEST_F(WireTest, AnyArrowReaderReadsIt) {
  const auto rows = Rows(Mixture());
  const auto bytes = Encode(*rows);
  const auto input = std::make_shared<arrow::io::BufferReader>(bytes);
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(input).ValueOrDie();
  EXPECT_TRUE(reader->schema()->Equals(*rows->schema()));
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  ASSERT_NE(batch, nullptr);
  EXPECT_TRUE(batch->Equals(*rows));
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_EQ(batch, nullptr) << "one record batch, then the end";
  EXPECT_EQ(input->Tell().ValueOrDie(), bytes->size()) << "and nothing behind it";
}

TEST_F(WireTest, ReasonsAreADictionaryInTheOrderOfTheTable) {
  const auto rows = Rows(Mixture());
  const auto decoded = Decode(View(*Encode(*rows)), CoverageOf(*rows, {100, 120})).value();
  const auto& reasons = static_cast<const arrow::DictionaryArray&>(*decoded->column(kReason));
  const auto& names = static_cast<const arrow::StringArray&>(*reasons.dictionary());
  ASSERT_EQ(names.length(), kReasonCount);
  for (int i = 0; i < kReasonCount; ++i)
    EXPECT_EQ(names.GetView(i), kReasonNames[static_cast<size_t>(i)]);
  EXPECT_EQ(names.GetView(reasons.GetValueIndex(2)), "invalid_record_timestamp");
  EXPECT_TRUE(reasons.IsNull(0));
}

TEST_F(WireTest, NoRows) {
  const auto rows = Rows({});
  const auto bytes = Encode(*rows);
  for (const Range range : {Range{7, 7}, Range{7, 9}}) {  // punctuation; a range of holes
    const auto decoded = Decode(View(*bytes), CoverageOf(*rows, range));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ((*decoded)->num_rows(), 0);
    EXPECT_EQ((*decoded)->num_columns(), kSystemColumns + 8);
  }
  EXPECT_EQ(View(*encoder_.EncodeEmpty().value()), View(*bytes));
}

TEST_F(WireTest, ASliceIsWrittenAsWhatItIs) {
  const auto rows = Rows(Mixture());
  const auto slice = rows->Slice(3, 7);
  const auto bytes = Encode(*slice);
  EXPECT_LT(bytes->size(), Encode(*rows)->size());
  const auto decoded = Decode(View(*bytes), CoverageOf(*slice, {104, 112})).value();
  EXPECT_TRUE(decoded->Equals(*slice));
  for (const auto& column : decoded->columns()) EXPECT_EQ(column->offset(), 0);
}

TEST_F(WireTest, BytesAtAnyAddress) {
  const auto rows = Rows(Mixture());
  const auto bytes = Encode(*rows);
  for (size_t shift = 0; shift < 9; ++shift) {
    std::string moved(shift, 'x');
    moved.append(View(*bytes));
    const auto decoded =
        Decode(std::string_view(moved).substr(shift), CoverageOf(*rows, {100, 120}));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE((*decoded)->Equals(*rows));
    const auto& offsets = static_cast<const arrow::Int64Array&>(*(*decoded)->column(kOffset));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(offsets.raw_values()) % alignof(int64_t), 0u)
        << "values are read in place";
  }
}

TEST_F(WireTest, TheRowsKeepTheirBytesAlive) {
  const auto rows = Rows(Mixture());
  auto owner = std::make_shared<std::string>(View(*Encode(*rows)));
  const std::weak_ptr<std::string> watch = owner;
  const std::string_view view = *owner;
  auto decoded = decoder_.Decode(view, std::move(owner), CoverageOf(*rows, {100, 120})).value();
  EXPECT_FALSE(watch.expired());
  EXPECT_TRUE(decoded->Equals(*rows));
  decoded.reset();
  EXPECT_TRUE(watch.expired());
}

TEST_F(WireTest, RowsThatContradictTheHeader) {
  const auto rows = Rows(Mixture());
  const auto bytes = Encode(*rows);
  const Coverage good = CoverageOf(*rows, {100, 119});
  ASSERT_TRUE(Decode(View(*bytes), good).ok());

  Coverage coverage = good;
  coverage.range = {101, 119};
  EXPECT_THAT(Decode(View(*bytes), coverage).status().message(), HasSubstr("outside the coverage"));
  coverage.range = {100, 118};
  EXPECT_THAT(Decode(View(*bytes), coverage).status().message(), HasSubstr("outside the coverage"));
  coverage = good;
  ++coverage.counts[static_cast<size_t>(Verdict::kClean)];
  EXPECT_THAT(Decode(View(*bytes), coverage).status().message(), HasSubstr("counts"));
  coverage = good;
  coverage.lost = true;
  EXPECT_THAT(Decode(View(*bytes), coverage).status().message(), HasSubstr("lost"));

  const auto swapped = Rows({{5, Verdict::kValid, {}, {}}, {4, Verdict::kValid, {}, {}}});
  EXPECT_THAT(Decode(View(*Encode(*swapped)), CoverageOf(*swapped, {4, 6})).status().message(),
              HasSubstr("out of order"));
  const auto torn = Rows({{5, Verdict::kClean, {}, {}}, {5, Verdict::kFailed, {}, 1}});
  EXPECT_THAT(Decode(View(*Encode(*torn)), CoverageOf(*torn, {5, 6})).status().message(),
              HasSubstr("two verdicts"));
}

TEST_F(WireTest, ABatchOfAnotherContractIsRefused) {
  auto other = std::make_shared<contract::Contract>(*contract_);
  other->columns[1].name = "journey";
  Encoder encoder(other);
  const auto rows = arrow::RecordBatch::Make(BatchSchema(*other), 13, Rows(Mixture())->columns());
  const auto bytes = encoder.Encode(*rows).value();
  EXPECT_THAT(Decode(View(*bytes), CoverageOf(*rows, {100, 120})).status().message(),
              HasSubstr("schema differs"));
}

std::shared_ptr<arrow::Buffer> WrittenElsewhere(const arrow::RecordBatch& rows,
                                                arrow::StringBuilder* reasons) {
  const auto& ours = static_cast<const arrow::DictionaryArray&>(*rows.column(kReason));
  // Not FromArrays: it would check what some of these tests break.
  const auto column = std::make_shared<arrow::DictionaryArray>(ours.type(), ours.indices(),
                                                               reasons->Finish().ValueOrDie());
  const auto batch = rows.SetColumn(kReason, rows.schema()->field(kReason), column).ValueOrDie();
  const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto writer = arrow::ipc::MakeStreamWriter(sink, batch->schema()).ValueOrDie();
  EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok() && writer->Close().ok());
  return sink->Finish().ValueOrDie();
}

// The log outlives builds: an earlier one knew fewer reasons.
TEST_F(WireTest, ABatchOfAnEarlierBuildIsRead) {
  const auto rows =
      Rows({{1, Verdict::kCorrupt, Reason::kInvalidUtf8, {}}, {2, Verdict::kValid, {}, {}}});
  arrow::StringBuilder reasons;
  ASSERT_TRUE(reasons.AppendValues({"invalid_json", "invalid_utf8"}).ok());
  const auto decoded = Decode(View(*WrittenElsewhere(*rows, &reasons)), CoverageOf(*rows, {1, 3}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ((*decoded)->num_rows(), 2);

  Coverage coverage = CoverageOf(*rows, {1, 3});
  const auto trimmed = decoder_.Trim(**decoded, 2, &coverage);
  ASSERT_TRUE(trimmed.ok()) << trimmed.status();
  EXPECT_TRUE((*trimmed)->Equals(*rows->Slice(1)));

  ASSERT_TRUE(reasons.AppendValues({"invalid_json", "of_a_later_build"}).ok());
  EXPECT_THAT(Decode(View(*WrittenElsewhere(*rows, &reasons)), coverage).status().message(),
              HasSubstr("does not know"));
  // An index beyond the batch's own dictionary.
  ASSERT_TRUE(reasons.AppendValues({"invalid_json"}).ok());
  EXPECT_FALSE(Decode(View(*WrittenElsewhere(*rows, &reasons)), CoverageOf(*rows, {1, 3})).ok());
}

// Arrow checks where the offsets of a list begin and end, not what lies between.
TEST_F(WireTest, ListsWhoseOffsetsFallAreRefused) {
  const auto rows = Rows({{4, Verdict::kValid, {}, {}}, {7, Verdict::kValid, {}, {}}});
  const int stops = kSystemColumns + 6;
  const auto encoded_with = [&](std::vector<int32_t> offsets) {
    const auto data = rows->column_data(stops)->Copy();
    data->buffers[1] = arrow::Buffer::FromVector(std::move(offsets));
    const auto batch =
        rows->SetColumn(stops, rows->schema()->field(stops), arrow::MakeArray(data)).ValueOrDie();
    return Encode(*batch);
  };
  const Coverage coverage = CoverageOf(*rows, {4, 8});
  EXPECT_TRUE(Decode(View(*encoded_with({0, 4, 6})), coverage).ok());
  EXPECT_THAT(Decode(View(*encoded_with({0, 900, 6})), coverage).status().message(),
              HasSubstr("offsets that fall"));
  EXPECT_FALSE(Decode(View(*encoded_with({0, 4, 7})), coverage).ok());
}

// A row is cut with its items, and what is left begins at the first.
TEST_F(WireTest, RowsOfArraysAsJson) {
  const auto rows = Rows({{4, Verdict::kValid, {}, {}}, {7, Verdict::kValid, {}, {}}});
  Coverage coverage = CoverageOf(*rows, {4, 8});
  const auto decoded = Decode(View(*Encode(*rows)), coverage).value();
  EXPECT_THAT(RowJson(*contract_, *decoded, 0),
              HasSubstr(R"("stops":["s","ss",null,"s"],"doors":[false,false,null,false])"));
  const auto trimmed = decoder_.Trim(*decoded, 5, &coverage).value();
  EXPECT_THAT(RowJson(*contract_, *trimmed, 0),
              HasSubstr(R"("stops":["s","ss"],"doors":[false,false]})"));
}

TEST_F(WireTest, CountsAreOfRecordsNotRows) {
  const auto rows = Rows({{1, Verdict::kClean, {}, {}},
                          {2, Verdict::kClean, {}, {}},
                          {2, Verdict::kClean, {}, {}},
                          {3, Verdict::kCorrupt, Reason::kEmptyValue, {}}});
  const Counts counts = CountVerdicts(*rows);
  EXPECT_EQ(counts[static_cast<size_t>(Verdict::kClean)], 2);
  EXPECT_EQ(counts[static_cast<size_t>(Verdict::kCorrupt)], 1);
  EXPECT_EQ(Total(counts), 3);
}

// ---- Trim
// -----------------------------------------------------------------------------------------------------------

TEST_F(WireTest, TrimAtEveryOffset) {
  const auto rows = Rows(Mixture());
  const auto bytes = Encode(*rows);
  for (Offset next = 100; next < 120; ++next) {
    Coverage coverage = CoverageOf(*rows, {100, 120});
    const auto decoded = Decode(View(*bytes), coverage).value();
    const auto trimmed = decoder_.Trim(*decoded, next, &coverage);
    ASSERT_TRUE(trimmed.ok()) << trimmed.status();
    int64_t skipped = 0;
    for (const RowForTest& row : Mixture()) skipped += row.offset < next;
    EXPECT_TRUE((*trimmed)->Equals(*rows->Slice(skipped))) << next;
    for (const auto& column : (*trimmed)->columns()) EXPECT_EQ(column->offset(), 0);
    EXPECT_EQ(coverage.range, (Range{next, 120}));
    EXPECT_EQ(coverage.counts, CountVerdicts(**trimmed));
    EXPECT_TRUE(DecodeCoverage(EncodeCoverage(coverage)).ok());
  }
}

// The batch that held the record that closed it had it.
TEST_F(WireTest, TrimTakesTheWindowsOfEventTimeThatClosedBeforeThePosition) {
  const auto rows = Rows({{12, Verdict::kClean, {}, {}}, {29, Verdict::kClean, {}, {}}});
  Coverage coverage = CoverageOf(*rows, {10, 50});
  coverage.open_window = WindowsOfTime(coverage.range.next);
  const Window a{{3, 13}, 1, 1, {}, -60}, b{{5, 13}, 1, 1, {}, 0}, c{{7, 30}, 1, 1, {}, 60},
      d{{12, 30}, 1, 1, {}, 120, 4};
  for (const Offset next : {10, 12, 13, 29, 30, 31}) {
    Coverage trimmed = coverage;
    trimmed.closed_windows = {a, b, c, d};
    const auto decoded = Decode(View(*Encode(*rows)), trimmed).value();
    ASSERT_TRUE(decoder_.Trim(*decoded, next, &trimmed).ok());
    std::vector<Window> left;
    if (next < 13) left = {a, b};
    if (next < 30) left.insert(left.end(), {c, d});
    EXPECT_EQ(trimmed.closed_windows, left) << next;
    EXPECT_TRUE(DecodeCoverage(EncodeCoverage(trimmed)).ok());
  }
}

// The batch that ended there had it.
TEST_F(WireTest, TrimTakesTheWindowsThatEndAtOrBeforeThePosition) {
  const auto rows = Rows({{12, Verdict::kClean, {}, {}}, {35, Verdict::kClean, {}, {}}});
  Coverage coverage = CoverageOf(*rows, {10, 50});
  coverage.open_window.size = 10;
  const Window a{{10, 20}, 1, 1, {}}, b{{20, 30}, 1, 1, {}}, c{{30, 40}, 1, 1, {}};
  coverage.closed_windows = {a, b, c};
  const auto decoded = Decode(View(*Encode(*rows)), coverage).value();
  ASSERT_TRUE(decoder_.Trim(*decoded, 30, &coverage).ok());
  EXPECT_THAT(coverage.closed_windows, testing::ElementsAre(c));
  EXPECT_TRUE(DecodeCoverage(EncodeCoverage(coverage)).ok());
}

TEST_F(WireTest, AWindowHasOneCountPerMetricOfTheContract) {
  const auto rows = Rows({{12, Verdict::kClean, {}, {}}});
  Coverage coverage = CoverageOf(*rows, {10, 20});
  coverage.open_window.size = 10;
  coverage.closed_windows = {{{10, 20}, 1, 1, {1}}};
  EXPECT_FALSE(Decode(View(*Encode(*rows)), coverage).ok()) << "the contract has no metrics";
}

TEST_F(WireTest, TrimALoss) {
  const auto rows = Rows({});
  Coverage coverage = CoverageOf(*rows, {10, 50});
  coverage.lost = true;
  coverage.counts[static_cast<size_t>(Verdict::kLost)] = 40;
  const auto decoded = Decode(View(*Encode(*rows)), coverage).value();
  const auto trimmed = decoder_.Trim(*decoded, 30, &coverage);
  ASSERT_TRUE(trimmed.ok()) << trimmed.status();
  EXPECT_EQ(coverage.range, (Range{30, 50}));
  EXPECT_EQ(coverage.counts[static_cast<size_t>(Verdict::kLost)], 20);
  EXPECT_TRUE(DecodeCoverage(EncodeCoverage(coverage)).ok());
}

// ---- Bytes that are no batch
// ----------------------------------------------------------------------------------------

/// Whatever was accepted must be safe to use: touch every value.
void Touch(const arrow::RecordBatch& rows) {
  static const auto contract = ContractWithArrays();
  size_t bytes = 0;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    bytes += RowJson(*contract, rows, row).size();
    for (int column : {kKey, kRaw, kRawSha256}) {
      const auto& binary = static_cast<const arrow::BinaryArray&>(*rows.column(column));
      if (binary.IsNull(row)) continue;
      for (char c : binary.GetView(row)) bytes += static_cast<unsigned char>(c);
    }
    const auto& failed =
        static_cast<const arrow::FixedSizeBinaryArray&>(*rows.column(kFailedRules));
    if (failed.IsValid(row)) bytes += failed.GetView(row).size();
    const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows.column(kReason));
    const auto& names = static_cast<const arrow::StringArray&>(*reasons.dictionary());
    if (reasons.IsValid(row)) bytes += names.GetView(reasons.GetValueIndex(row)).size();
  }
  volatile size_t sink = bytes;
  (void)sink;
}

class CorruptedWireTest : public WireTest {
 protected:
  void Try(std::string_view bytes) {
    // A copy of exactly this size, so that a sanitizer sees every byte read beyond it.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const auto decoded = Decode({exact.data(), exact.size()}, coverage_);
    decoded.ok() ? ++accepted_ : ++refused_;
    if (!decoded.ok()) return;
    Touch(**decoded);
    Coverage coverage = coverage_;
    const auto trimmed = decoder_.Trim(**decoded, 106, &coverage);
    if (trimmed.ok()) Touch(**trimmed);
  }

  const std::shared_ptr<arrow::RecordBatch> rows_ = Rows(Mixture());
  const Coverage coverage_ = CoverageOf(*rows_, {100, 120});
  const std::string good_{View(*Encode(*rows_))};
  int accepted_ = 0;
  int refused_ = 0;
};

TEST_F(CorruptedWireTest, EveryTruncation) {
  for (size_t size = 0; size < good_.size(); ++size) Try(std::string_view(good_).substr(0, size));
  // Without the eight bytes of the end marker all the rows are there.
  EXPECT_EQ(accepted_, 8);
}

TEST_F(CorruptedWireTest, EveryByteChanged) {
  Random random(TestSeed());
  std::string bytes = good_;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char was = bytes[at];
    for (const int change : {0x01, 0x80, 0xff, static_cast<int>(1 + random.Below(255))}) {
      bytes[at] = static_cast<char>(was ^ change);
      Try(bytes);
    }
    bytes[at] = was;
  }
  EXPECT_GT(refused_, 100);
  EXPECT_GT(accepted_, 100) << "a changed value is still a value";
}

TEST_F(CorruptedWireTest, ManyBytesChangedCutAndMoved) {
  const uint64_t seed = TestSeed();
  for (uint64_t i = 0; i < 20'000; ++i) {
    Random random(seed + i);
    std::string bytes = good_;
    for (int64_t n = random.Below(8); n >= 0; --n) {
      const size_t at = static_cast<size_t>(random.Below(static_cast<int64_t>(bytes.size())));
      switch (random.Below(4)) {
        case 0:
          bytes.erase(at, static_cast<size_t>(random.Below(16)));
          break;
        case 1:
          bytes.insert(at, static_cast<size_t>(random.Below(16)), static_cast<char>(random.Next()));
          break;
        default:
          bytes[at] = static_cast<char>(random.Next());
      }
      if (bytes.empty()) break;
    }
    Try(bytes);
  }
  EXPECT_GT(refused_, 1000);
}

// ---- The header
// -----------------------------------------------------------------------------------------------------

Coverage FullCoverage() {
  Coverage coverage;
  coverage.pipeline = "telemetry";
  coverage.generation = 3;
  coverage.topic = "raw_telemetry";
  coverage.topic_id = "rsN2cE0hQ0mOX8bQ2N9Xrg";
  coverage.partition = 11;
  coverage.range = {(int64_t{1} << 40) + 1, (int64_t{1} << 40) + 101};
  coverage.origin = 17;
  for (size_t i = 0; i + 1 < kVerdictCount; ++i) coverage.counts[i] = static_cast<int64_t>(i);
  coverage.contract = {"1.2.0", std::string(64, 'f')};
  coverage.watermark_us = -5;
  coverage.idle = true;
  coverage.newest_timestamp_ms = 1'700'000'000'123;
  coverage.state_from = 41;
  coverage.open_window = {10,
                          std::string(64, 'c'),
                          {{coverage.range.next, coverage.range.next}, 0, 0, {}},
                          std::nullopt};
  coverage.closed_windows = {{{coverage.range.first - 5, coverage.range.first + 5}, 10, 9, {0, 9}}};
  coverage.breaker = {coverage.range.next, 10'000, 17, Breaker::Cause::kFailureRate, "speed_max"};
  return coverage;
}

void ExpectSame(const Coverage& a, const Coverage& b) {
  EXPECT_EQ(a.pipeline, b.pipeline);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.topic, b.topic);
  EXPECT_EQ(a.topic_id, b.topic_id);
  EXPECT_EQ(a.partition, b.partition);
  EXPECT_EQ(a.range, b.range);
  EXPECT_EQ(a.origin, b.origin);
  EXPECT_EQ(a.counts, b.counts);
  EXPECT_EQ(a.lost, b.lost);
  EXPECT_EQ(a.contract, b.contract);
  EXPECT_EQ(a.watermark_us, b.watermark_us);
  EXPECT_EQ(a.idle, b.idle);
  EXPECT_EQ(a.newest_timestamp_ms, b.newest_timestamp_ms);
  EXPECT_EQ(a.breaker, b.breaker);
  EXPECT_EQ(a.open_window, b.open_window);
  EXPECT_EQ(a.closed_windows, b.closed_windows);
  EXPECT_EQ(a.state_from, b.state_from);
}

/// With windows of event time.
Coverage TimedCoverage() {
  Coverage coverage = FullCoverage();
  const Offset next = coverage.range.next;
  coverage.open_window = WindowsOfTime(next);
  coverage.closed_windows = {{{5, next - 1}, 10, 9, {0, 9}, -120, 7},
                             {{6, next - 1}, 10, 9, {0, 9}, -60},
                             {{8, next}, 10, 9, {0, 9}, 0, 0, /*saturated=*/true}};
  return coverage;
}

TEST(Header, EveryFieldComesBack) {
  for (const Coverage& coverage : {FullCoverage(), TimedCoverage()}) {
    const auto decoded = DecodeCoverage(EncodeCoverage(coverage));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ExpectSame(*decoded, coverage);
  }
}

TEST(Header, WindowsOfEventTimeThatCannotBe) {
  const auto refused = [](auto change) {
    Coverage coverage = TimedCoverage();
    change(coverage);
    return absl::IsInvalidArgument(DecodeCoverage(EncodeCoverage(coverage)).status());
  };
  EXPECT_FALSE(refused([](Coverage&) {}));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.size = 10; })) << "of offsets and of time";
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->size_us = 0; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->size_us = 7; })) << "no multiples";
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->delay_us = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->delay_us = INT64_MAX; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->newest_us = INT64_MIN; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->newest_us.reset(); }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->whole_from_us = INT64_MAX; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->windows.clear(); }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->windows[0].late = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.time->windows[0].start_us = 240; }));
  const auto open = [](Coverage& c, int64_t count) {
    std::vector<Window>& windows = c.open_window.time->windows;
    windows.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) windows[static_cast<size_t>(i)].start_us = i * 60;
  };
  EXPECT_FALSE(refused([&](Coverage& c) { open(c, kMaxTimeWindows); }));
  EXPECT_TRUE(refused([&](Coverage& c) { open(c, kMaxTimeWindows + 1); }));
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[1].start_us = -120; })) << "twice";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[2].range.next -= 2; })) << "falls";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[2].range.next += 1; })) << "behind";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].range = {1, c.range.first}; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[2].start_us += 1; })) << "no multiple";
}

TEST(Header, NothingIsInventedForWhatIsAbsent) {
  Coverage coverage;
  coverage.topic = "raw";
  const auto decoded = DecodeCoverage(EncodeCoverage(coverage));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSame(*decoded, coverage);
  EXPECT_EQ(decoded->watermark_us, std::nullopt);
  EXPECT_EQ(decoded->newest_timestamp_ms, -1);
}

TEST(Header, FewerCountsAreZeroes) {
  wire::v1::Coverage proto;
  proto.set_topic("raw");
  proto.set_next(5);
  proto.add_counts(2);
  const auto decoded = DecodeCoverage(proto.SerializeAsString());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(Total(decoded->counts), 2);
}

TEST(Header, ATimestampBeforeAllTimestampsIsRefused) {
  wire::v1::Coverage proto;
  ASSERT_TRUE(proto.ParseFromString(EncodeCoverage(FullCoverage())));
  for (const int64_t timestamp_ms : {int64_t{-1}, int64_t{-5}, INT64_MIN}) {
    proto.set_newest_timestamp_ms(timestamp_ms);
    EXPECT_FALSE(DecodeCoverage(proto.SerializeAsString()).ok()) << timestamp_ms;
  }
  proto.set_newest_timestamp_ms(0);
  EXPECT_TRUE(DecodeCoverage(proto.SerializeAsString()).ok());
}

TEST(Header, Contradictions) {
  const auto refused = [](auto change) {
    Coverage coverage = FullCoverage();
    change(coverage);
    return !DecodeCoverage(EncodeCoverage(coverage)).ok();
  };
  EXPECT_FALSE(refused([](Coverage&) {}));
  EXPECT_TRUE(refused([](Coverage& c) { c.topic.clear(); }));
  EXPECT_TRUE(refused([](Coverage& c) { c.partition = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.range.first = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.range.next = c.range.first - 1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.range.next = c.range.first + Total(c.counts) - 1; }))
      << "more records than offsets";
  EXPECT_FALSE(refused([](Coverage& c) { c.range.next = c.range.first + Total(c.counts); }));
  EXPECT_TRUE(refused([](Coverage& c) { c.counts[1] = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.counts.fill(INT64_MAX); })) << "a sum that overflows";
  EXPECT_TRUE(refused([](Coverage& c) { c.lost = true; })) << "lost, with records";
  EXPECT_TRUE(refused([](Coverage& c) { c.counts[static_cast<size_t>(Verdict::kLost)] = 1; }))
      << "lost in part";
  const auto lose = [](Coverage& c) {
    c.counts = {};
    c.lost = true;
    c.counts[static_cast<size_t>(Verdict::kLost)] = 100;
  };
  EXPECT_FALSE(refused(lose));
  EXPECT_TRUE(
      refused([&](Coverage& c) { lose(c), c.counts[static_cast<size_t>(Verdict::kLost)] = 99; }));

  EXPECT_TRUE(refused([](Coverage& c) { c.state_from = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.size = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window = {}; })) << "closed without a size";
  EXPECT_TRUE(refused([](Coverage& c) { c.open_window.window.read = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].rows = 11; })) << "more than read";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].counted[1] = 10; })) << "> rows";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].counted[0] = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].range.first = c.range.next; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows[0].range.next = c.range.next + 1; }))
      << "behind the range";
  EXPECT_TRUE(refused([](Coverage& c) { c.closed_windows.push_back(c.closed_windows[0]); }));
  EXPECT_TRUE(refused([](Coverage& c) {
    c.closed_windows[0].range = {0, c.range.first};
  })) << "it belongs to the batch before";
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.next = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.window = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.failures = -1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.failures = c.breaker.window + 1; }));
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.next = INT64_MAX; })) << "its window overflows";
  EXPECT_TRUE(refused([](Coverage& c) { c.breaker.window = c.breaker.failures = 0; }))
      << "a rate without a window";

  wire::v1::Coverage proto;
  ASSERT_TRUE(proto.ParseFromString(EncodeCoverage(FullCoverage())));
  wire::v1::Coverage later = proto;
  later.mutable_breaker()->set_open(static_cast<wire::v1::BreakerCause>(3));
  EXPECT_FALSE(DecodeCoverage(later.SerializeAsString()).ok()) << "a cause of a later build";
  proto.add_counts(0);
  EXPECT_FALSE(DecodeCoverage(proto.SerializeAsString()).ok()) << "a verdict of a later build";
}

TEST(Header, AClosedBreakerThatCountsNothingTakesNoBytes) {
  Coverage coverage = FullCoverage();
  coverage.breaker = {};
  wire::v1::Coverage proto;
  ASSERT_TRUE(proto.ParseFromString(EncodeCoverage(coverage)));
  EXPECT_FALSE(proto.has_breaker());
}

TEST(Header, AnyBytes) {
  const uint64_t seed = TestSeed();
  const std::string good = EncodeCoverage(FullCoverage());
  const google::protobuf::LogSilencer quiet;  // it would tell of every string that is not UTF-8
  int refused = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    Random random(seed + i);
    std::string bytes = good;
    if (random.OneIn(2)) {
      bytes.resize(static_cast<size_t>(random.Below(64)));
      for (char& c : bytes) c = static_cast<char>(random.Next());
    } else {
      for (int64_t n = random.Below(4); n >= 0; --n) {
        bytes[static_cast<size_t>(random.Below(static_cast<int64_t>(bytes.size())))] =
            static_cast<char>(random.Next());
      }
    }
    const auto decoded = DecodeCoverage(bytes);
    refused += !decoded.ok();
    if (!decoded.ok()) continue;
    EXPECT_LE(decoded->range.first, decoded->range.next);
    EXPECT_GE(decoded->range.first, 0);
    EXPECT_LE(Total(decoded->counts), decoded->range.next - decoded->range.first);
  }
  EXPECT_GT(refused, 50'000);
}

// ---- For people
// -----------------------------------------------------------------------------------------------------

TEST_F(WireTest, ARowAsJson) {
  const auto rows =
      Rows({{12, Verdict::kClean, {}, {}}, {13, Verdict::kCorrupt, Reason::kInvalidJson, {}}});
  EXPECT_EQ(
      RowJson(*contract_, *rows, 0),
      R"({"car":"car 5","trip":12000,"speed":6,"moving":true,"day":"2022-01-20","at":"2023-11-14T22:13:20.000012Z","stops":["","s"],"doors":[true,false]})");
  EXPECT_EQ(
      RowJson(*contract_, *rows, 1),
      R"({"car":null,"trip":null,"speed":null,"moving":null,"day":null,"at":null,"stops":null,"doors":null})");
}

TEST(RowJson, YearsHaveFourDigits) {
  auto contract = std::make_shared<contract::Contract>();
  contract->columns.resize(2);
  contract->columns[0].name = "day";
  contract->columns[1].name = "at";
  arrow::ArrayVector arrays(kSystemColumns, std::make_shared<arrow::NullArray>(1));
  arrow::Date32Builder day;
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                             arrow::default_memory_pool());
  ASSERT_TRUE(day.Append(-719'162).ok() && at.Append(-62'135'596'800'000'000).ok());
  arrays.push_back(*day.Finish());
  arrays.push_back(*at.Finish());
  const auto rows = arrow::RecordBatch::Make(BatchSchema(*contract), 1, std::move(arrays));
  EXPECT_EQ(RowJson(*contract, *rows, 0), R"({"day":"0001-01-01","at":"0001-01-01T00:00:00Z"})");
}

TEST(RowJson, HasItsObjectsAgain) {
  auto contract = std::make_shared<contract::Contract>();
  const auto object = [&](const char* name, int parent, bool required, int first, int end) {
    contract->objects.push_back({name, parent, required, first, end});
  };
  object("a", -1, false, 1, 4);
  object("a.b", 0, true, 2, 3);
  object("d", -1, false, 4, 5);
  const std::pair<const char*, int> columns[] = {{"x", -1},  {"a.x", 0}, {"a.b.x", 1},
                                                 {"a.y", 0}, {"d.x", 2}, {"with.dot", -1}};
  for (const auto& [name, owner] : columns) {
    contract->columns.emplace_back();
    contract->columns.back().name = name;
    contract->columns.back().object = owner;
  }
  const auto row = [&](const std::string& values) {
    arrow::ArrayVector arrays(kSystemColumns, std::make_shared<arrow::NullArray>(1));
    for (const char value : values) {
      arrow::StringBuilder builder;
      EXPECT_TRUE(
          (value == '-' ? builder.AppendNull() : builder.Append(std::string(1, value))).ok());
      arrays.push_back(*builder.Finish());
    }
    arrow::FieldVector fields;
    for (const auto& array : arrays) fields.push_back(arrow::field("", array->type()));
    return RowJson(*contract, *arrow::RecordBatch::Make(arrow::schema(fields), 1, arrays), 0);
  };
  EXPECT_EQ(row("123456"),
            R"({"x":"1","a":{"x":"2","b":{"x":"3"},"y":"4"},"d":{"x":"5"},"with.dot":"6"})");
  EXPECT_EQ(row("---4--"),
            R"({"x":null,"a":{"x":null,"b":{"x":null},"y":"4"},"d":null,"with.dot":null})");
  EXPECT_EQ(row("------"), R"({"x":null,"a":null,"d":null,"with.dot":null})");
}

TEST(RowJson, HasTheObjectsOfItsArrays) {
  auto contract = std::make_shared<contract::Contract>();
  contract->columns.resize(1);
  contract->columns[0].name = "lines";
  contract->columns[0].type = contract::LogicalType::kJson;
  contract->columns[0].list = true;
  const auto items = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  ASSERT_TRUE(lists.Append().ok() && items->Append(R"({"a":[1.10,"\u0041"]})").ok() &&
              items->AppendNull().ok() && items->Append("{}").ok());
  ASSERT_TRUE(lists.Append().ok() && items->Append("{\"\u202e\x7f\":1}\x1b\n\xff").ok());
  ASSERT_TRUE(lists.Append().ok() && lists.AppendNull().ok());
  arrow::ArrayVector arrays(kSystemColumns, std::make_shared<arrow::NullArray>(4));
  arrays.push_back(*lists.Finish());
  const auto rows = arrow::RecordBatch::Make(BatchSchema(*contract), 4, std::move(arrays));
  EXPECT_EQ(RowJson(*contract, *rows, 0), R"({"lines":[{"a":[1.10,"\u0041"]},null,{}]})");
  // Nothing of it drives a terminal, not even what is no JSON.
  EXPECT_EQ(RowJson(*contract, *rows, 1), R"({"lines":[{"\u202e\u007f":1}\u001b\u000a\u00ff]})");
  EXPECT_EQ(RowJson(*contract, *rows, 2), R"({"lines":[]})");
  EXPECT_EQ(RowJson(*contract, *rows, 3), R"({"lines":null})");
  EXPECT_EQ(RedactedRowJson(*contract, *rows, 0, {"lines"}), R"({"lines":"[redacted]"})");
  EXPECT_EQ(RedactedRowJson(*contract, *rows, 3, {"lines"}), R"({"lines":null})");
}

TEST(JsonString, Escapes) {
  std::string out;
  AppendJsonString("a\"\\\n\x01 \xc3\xa9 \xff\xed\xa0\x80", &out);
  EXPECT_EQ(out, "\"a\\\"\\\\\\u000a\\u0001 \xc3\xa9 \\u00ff\\u00ed\\u00a0\\u0080\"");
}

TEST(JsonString, EscapesWhatDrivesATerminal) {
  std::string out;
  AppendJsonString("\x1b[2J\x7f\u0080\u009f\u00a0\u2029\u202a\u202e\u202f\u2065\u2066\u2069\u206a",
                   &out);
  EXPECT_EQ(
      out,
      "\"\\u001b[2J\\u007f\\u0080\\u009f\u00a0\u2029\\u202a\\u202e\u202f\u2065\\u2066\\u2069\u206a"
      "\"");
  EXPECT_EQ(PrintableJson("{\"a\":\"\\n\u009b\u202e\x7f\xff\u00e9\"}"),
            "{\"a\":\"\\n\\u009b\\u202e\\u007f\xff\u00e9\"}");
  EXPECT_EQ(PrintableJson(out), out);
}

TEST(Verdicts, NamesAreTheTable) {
  for (int i = 0; i < kVerdictCount; ++i) {
    const Verdict verdict = static_cast<Verdict>(i);
    EXPECT_EQ(ParseVerdict(Name(verdict)), verdict);
  }
  EXPECT_EQ(ParseVerdict("clean "), std::nullopt);
  // On the wire, in tables and in metrics: never change one.
  EXPECT_EQ(Name(Verdict::kValid), "valid");
  EXPECT_EQ(Name(Verdict::kLost), "lost");
  EXPECT_EQ(static_cast<int>(Verdict::kTombstone), 7);
  EXPECT_EQ(Name(Reason::kInvalidJson), "invalid_json");
  EXPECT_EQ(Name(Reason::kInvalidRecordTimestamp), "invalid_record_timestamp");
}

}  // namespace
}  // namespace sluice::batch
