// Any bytes as a batch: refused, or rows that everybody behind the decoder can read to the last
// bit: the accept rule, the rules, the explanation, and the encoder of the sink. An input is a
// message: two bytes of length, the header, the value. Its topic decides which contract it has.

#include <numeric>

#include "arrow/api.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/writer.h"
#include "base/strings.h"
#include "batch/row_json.h"
#include "batch/schema.h"
#include "batch/wire.h"
#include "google/protobuf/stubs/logging.h"
#include "record/case_file.h"
#include "record/record_parser.h"
#include "rules/explanation.h"
#include "rules/rule_evaluator.h"
#include "seeds.h"
#include "storage_writer/copy_encoder.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using batch::Coverage;

// It complains about every string that is not UTF-8.
[[maybe_unused]] const auto kNoLog = google::protobuf::SetLogHandler(nullptr);
using storage_writer::PgType;

constexpr int64_t kRowsOfASeed = 12;
constexpr size_t kMaxRecordBytes = 500;

constexpr char kTopic[] = "t";
constexpr char kTopicOfArrays[] = "arrays";
constexpr char kTopicOfObjects[] = "objects";  // in arrays

using ContractPointer = std::shared_ptr<const contract::Contract>;

// PostgreSQL's number for text, which stands for all types of items here.
constexpr uint32_t kTextOid = 25;

PgType TypeOf(contract::LogicalType type) {
  switch (type) {
    case contract::LogicalType::kString:
      return PgType::kText;
    case contract::LogicalType::kInteger:
      return PgType::kInt4;
    case contract::LogicalType::kNumber:
      return PgType::kFloat8;
    case contract::LogicalType::kBoolean:
      return PgType::kBool;
    case contract::LogicalType::kDate:
      return PgType::kDate;
    case contract::LogicalType::kTimestamp:
      return PgType::kTimestampTz;
    case contract::LogicalType::kTime:
      return PgType::kTime;
    case contract::LogicalType::kJson:
      return PgType::kJsonb;
  }
  return PgType::kText;
}

/// Everything that any table takes from a row.
std::vector<storage_writer::CopyEncoder::Column> AllColumns(const contract::Contract& contract) {
  using Kind = tables::ValueSource::Kind;
  std::vector<storage_writer::CopyEncoder::Column> columns = {
      {{Kind::kKey}, PgType::kText},
      {{Kind::kField, batch::kOffset}, PgType::kInt8},
      {{Kind::kField, batch::kTimestamp}, PgType::kTimestampTz},
      {{Kind::kReason}, PgType::kText},
      {{Kind::kSummary}, PgType::kText},
      {{Kind::kField, batch::kFailedRules}, PgType::kBytea},
      {{Kind::kRawText}, PgType::kText},
      {{Kind::kField, batch::kRaw}, PgType::kBytea},
      {{Kind::kField, batch::kRawLength}, PgType::kInt4},
      {{Kind::kField, batch::kRawSha256}, PgType::kBytea},
      {{Kind::kPartition}, PgType::kInt4},
  };
  for (size_t i = 0; i < contract.columns.size(); ++i) {
    const int field = batch::kSystemColumns + static_cast<int>(i);
    const contract::Column& column = contract.columns[i];
    const bool array = column.list && column.type != contract::LogicalType::kJson;
    columns.push_back({{Kind::kField, field}, TypeOf(column.type), array ? kTextOid : 0});
  }
  return columns;
}

/// All that stands behind the log for one contract.
struct Readers {
  explicit Readers(const char* file)
      : contract(Contract(file)),
        decoder(contract),
        evaluator(contract),
        encoder(AllColumns(*contract)) {}

  ContractPointer contract;
  batch::Decoder decoder;
  rules::RuleEvaluator evaluator;
  storage_writer::CopyEncoder encoder;
};

Readers* ReadersOf(const Coverage& coverage) {
  static auto* const hostile = new Readers(kHostileContract);
  static auto* const arrays = new Readers(kArraysContract);
  static auto* const objects = new Readers(kArraysOfObjectsContract);
  if (coverage.topic == kTopicOfObjects) return objects;
  return coverage.topic == kTopicOfArrays ? arrays : hostile;
}

void CheckRules(const arrow::RecordBatch& rows, Readers* readers) {
  rules::Outcome outcome;
  const absl::Status status = readers->evaluator.Evaluate(rows, &outcome);
  FUZZ_PROMISE(status.ok(), StdView(status.message()));
  FUZZ_PROMISE(outcome.verdicts.size() == static_cast<size_t>(rows.num_rows()));
  for (int64_t row = 0; row < rows.num_rows() && row < 100; ++row) {
    FUZZ_PROMISE(rules::Explain(&readers->evaluator, rows, row).ok());
    FUZZ_PROMISE(!batch::RowJson(*readers->contract, rows, row).empty());
  }
}

void CheckSink(const arrow::RecordBatch& rows, Readers* readers) {
  storage_writer::BatchConstants constants;
  constants.contract = readers->contract.get();
  const absl::Status bound = readers->encoder.Bind(rows, constants);
  FUZZ_PROMISE(bound.ok(), StdView(bound.message()));
  std::vector<int32_t> all(static_cast<size_t>(rows.num_rows()));
  std::iota(all.begin(), all.end(), 0);
  storage_writer::CopyBuffer out;
  readers->encoder.Encode(all, &out);
}

/// A reader that stands in the middle of the batch takes what lies behind.
void CheckTrim(batch::Decoder* decoder, const arrow::RecordBatch& rows, Coverage coverage) {
  const batch::Offset middle =
      coverage.range.first + (coverage.range.next - coverage.range.first) / 2;
  if (batch::Accept(middle, coverage.range) != batch::Acceptance::kApply) return;
  const auto rest = decoder->Trim(rows, middle, &coverage);
  FUZZ_PROMISE(rest.ok(), StdView(rest.status().message()));
  FUZZ_PROMISE(coverage.range.first == middle);
  FUZZ_PROMISE((*rest)->num_rows() <= rows.num_rows());
  if (coverage.lost || (*rest)->num_rows() == 0) return;
  const auto& offsets = static_cast<const arrow::Int64Array&>(*(*rest)->column(batch::kOffset));
  FUZZ_PROMISE(offsets.Value(0) >= middle);
  FUZZ_PROMISE(batch::CountVerdicts(**rest) == coverage.counts);
}

std::string Message(const Coverage& coverage, std::string_view value) {
  const std::string header = batch::EncodeCoverage(coverage);
  std::string message = {static_cast<char>(header.size() & 0xFF),
                         static_cast<char>(header.size() >> 8)};
  return Concat(message, header, value);
}

std::string_view BytesOf(const arrow::Buffer& buffer) {
  return View(buffer.data(), static_cast<size_t>(buffer.size()));
}

/// As somebody else's Arrow would write it.
std::string Foreign(const arrow::RecordBatch& rows) {
  const auto sink = *arrow::io::BufferOutputStream::Create();
  const auto writer = *arrow::ipc::MakeStreamWriter(sink, rows.schema());
  FUZZ_PROMISE(writer->WriteRecordBatch(rows).ok() && writer->Close().ok());
  return (*sink->Finish())->ToString();
}

/// The same rows as qc passes them on.
std::shared_ptr<arrow::RecordBatch> Judged(const ContractPointer& contract,
                                           const std::shared_ptr<arrow::RecordBatch>& rows) {
  rules::RuleEvaluator evaluator(contract);
  rules::Outcome outcome;
  FUZZ_PROMISE(evaluator.Evaluate(*rows, &outcome).ok());
  arrow::UInt8Builder verdicts;
  arrow::FixedSizeBinaryBuilder bits(arrow::fixed_size_binary(outcome.width));
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    FUZZ_PROMISE(
        verdicts.Append(static_cast<uint8_t>(outcome.verdicts[static_cast<size_t>(row)])).ok());
    FUZZ_PROMISE((outcome.HasFailedRules(row) ? bits.Append(outcome.FailedRules(row).data())
                                              : bits.AppendNull())
                     .ok());
  }
  const auto with_verdicts =
      *rows->SetColumn(batch::kVerdict, rows->schema()->field(batch::kVerdict), *verdicts.Finish());
  return *with_verdicts->SetColumn(batch::kFailedRules, rows->schema()->field(batch::kFailedRules),
                                   *bits.Finish());
}

void AddSeeds(const ContractPointer& contract, const std::string& topic,
              const std::shared_ptr<arrow::RecordBatch>& rows, int64_t next,
              std::vector<std::string>* seeds) {
  batch::Encoder encoder(contract);
  Coverage coverage;
  coverage.topic = topic;
  coverage.range = {next - rows->num_rows(), next};
  for (const auto& judged : {rows, Judged(contract, rows)}) {
    coverage.counts = batch::CountVerdicts(*judged);
    seeds->push_back(Message(coverage, BytesOf(**encoder.Encode(*judged))));
    seeds->push_back(Message(coverage, Foreign(*judged)));
  }
}

void AddSeedsOfArrays(const char* file, const char* cases, const char* topic,
                      std::vector<std::string>* seeds) {
  const ContractPointer contract = Contract(file);
  record::RecordParser parser(contract);
  record::BatchBuilder builder(contract);
  int64_t offset = 0;
  for (const record::Case& c : record::ReadCases(cases)) {
    const std::string value = record::Expand(c.text.substr(0, c.text.find(" =>")));
    if (value.size() > kMaxRecordBytes) continue;
    parser.Parse("key", value, 1, offset++, &builder);
    if (builder.rows() == kRowsOfASeed) AddSeeds(contract, topic, builder.Finish(), offset, seeds);
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const ContractPointer contract = Contract(kHostileContract);
  record::RecordParser parser(contract);
  record::BatchBuilder builder(contract);
  int64_t offset = 0;
  for (const record::HostileRecord& record : record::ReadHostileRecords()) {
    if (record.value && record.value->size() > kMaxRecordBytes) continue;
    parser.Parse(record.key, record.value, record.timestamp_ms.value_or(1), offset++, &builder);
    if (builder.rows() == kRowsOfASeed)
      AddSeeds(contract, kTopic, builder.Finish(), offset, &seeds);
  }
  AddSeedsOfArrays(kArraysContract, "tests/data/json/array_cases.txt", kTopicOfArrays, &seeds);
  AddSeedsOfArrays(kArraysOfObjectsContract, "tests/data/json/arrays_of_objects_cases.txt",
                   kTopicOfObjects, &seeds);
  Coverage coverage;
  coverage.topic = kTopic;
  coverage.range = {5, 5};
  batch::Encoder encoder(contract);
  seeds.push_back(Message(coverage, BytesOf(**encoder.EncodeEmpty())));
  coverage.range = {5, 9};
  coverage.lost = true;
  coverage.counts[static_cast<size_t>(batch::Verdict::kLost)] = 4;
  seeds.push_back(Message(coverage, BytesOf(**encoder.EncodeEmpty())));
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size < 2) return 0;
  const size_t length = std::min<size_t>(data[0] + (size_t{data[1]} << 8), size - 2);
  const auto coverage = batch::DecodeCoverage(fuzz::View(data + 2, length));
  if (!coverage.ok()) return 0;
  // Memory of its own, as a message of Kafka has, at any address.
  const auto value = std::make_shared<std::vector<char>>(data + 2 + length, data + size);
  const std::string_view bytes(value->data(), value->size());
  fuzz::Readers* const readers = fuzz::ReadersOf(*coverage);
  const auto rows = readers->decoder.Decode(bytes, value, *coverage);
  if (!rows.ok()) {
    FUZZ_PROMISE(rows.status().code() == absl::StatusCode::kInvalidArgument,
                 StdView(rows.status().message()));
    return 0;
  }
  FUZZ_PROMISE(coverage->lost || batch::CountVerdicts(**rows) == coverage->counts);
  fuzz::CheckRules(**rows, readers);
  fuzz::CheckSink(**rows, readers);
  fuzz::CheckTrim(&readers->decoder, **rows, *coverage);
  return 0;
}
