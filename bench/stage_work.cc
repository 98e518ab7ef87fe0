#include "bench/stage_work.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "producer_simulator/car_trips.h"
#include "qc/judgement.h"
#include "storage_writer/postgres_sink_batch.h"

namespace sluice::bench {
namespace {

constexpr char kPipeline[] = "pipelines/telemetry";
constexpr uint64_t kSeed = 5;
// When Kafka got the records: later than the fleet measures, or all clocks would be ahead.
constexpr int64_t kArrivalMs = 1'800'000'000'000;

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

std::string_view Bytes(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

std::shared_ptr<arrow::RecordBatch> Decode(batch::Decoder& decoder, const WireBatch& batch) {
  return Must(decoder.Decode(Bytes(*batch.value), batch.value, batch.coverage));
}

// What PostgreSQL calls the types of the tables.
storage_writer::PgType TypeOf(const std::string& declared) {
  static const std::map<std::string, std::string> kNames = {
      {"double precision", "float8"}, {"integer", "int4"}, {"bigint", "int8"}};
  const auto found = kNames.find(declared);
  return storage_writer::PgTypeFromName(found == kNames.end() ? declared : found->second).value();
}

}  // namespace

contract::PipelineConfig TelemetryPipeline() { return Must(contract::LoadPipeline(kPipeline)); }

std::shared_ptr<const contract::Contract> TelemetryContract() {
  return Must(contract::LoadContract(TelemetryPipeline().contract_path));
}

std::vector<SourceRecord> TelemetryRecords(int64_t count) {
  namespace sim = producer_simulator;
  const contract::PipelineConfig pipeline = TelemetryPipeline();
  sim::Profile profile = Must(sim::LoadProfile(std::string(kPipeline) + "/simulator.yaml"));
  sim::FaultMix faults = profile.faults;
  if (!faults.Set(sim::Fault::kOversize, 0).ok()) std::abort();
  const sim::FaultHistory history = {{0, faults}};
  sim::CarTrips trips(kSeed, std::move(profile),
                      {pipeline.max_record_bytes, pipeline.max_key_bytes, pipeline.max_depth});
  std::vector<SourceRecord> records(static_cast<size_t>(count));
  sim::Record made;
  for (int64_t number = 0; number < count; ++number) {
    trips.Make(number, history, &made);
    SourceRecord& record = records[static_cast<size_t>(number)];
    if (made.has_key) record.key = made.key;
    if (made.has_value) record.value = made.value;
    record.timestamp_ms = made.timestamp_ms == 0 ? kArrivalMs + number : made.timestamp_ms;
  }
  return records;
}

ValidateWork::ValidateWork()
    : contract_(TelemetryContract()),
      parser_(contract_,
              [] {
                const contract::PipelineConfig pipeline = TelemetryPipeline();
                return record::Limits{pipeline.max_record_bytes, pipeline.max_raw_bytes,
                                      pipeline.max_key_bytes, pipeline.max_depth};
              }()),
      builder_(contract_),
      encoder_(contract_) {}

WireBatch ValidateWork::Run(absl::Span<const SourceRecord> records, batch::Offset first) {
  batch::Offset next = first;
  for (const SourceRecord& record : records) {
    parser_.Parse(record.key, record.value, record.timestamp_ms, next++, &builder_);
  }
  WireBatch batch;
  batch.coverage.pipeline = "telemetry";
  batch.coverage.generation = 1;
  batch.coverage.topic = "raw_telemetry";
  batch.coverage.range = {first, next};
  batch.coverage.counts = builder_.counts();
  batch.coverage.contract = {contract_->version, contract_->content_hash};
  batch.value = Must(encoder_.Encode(*builder_.Finish()));
  return batch;
}

CheckWork::CheckWork()
    : decoder_(TelemetryContract()),
      evaluator_(decoder_.shared_contract()),
      encoder_(decoder_.shared_contract()) {}

WireBatch CheckWork::Run(const WireBatch& validated) {
  std::shared_ptr<arrow::RecordBatch> rows = Decode(decoder_, validated);
  if (!evaluator_.Evaluate(*rows, &outcome_).ok()) std::abort();
  rows = qc::WithJudgement(*rows, outcome_);
  WireBatch checked = {nullptr, validated.coverage};
  checked.coverage.counts = batch::CountVerdicts(*rows);
  checked.value = Must(encoder_.Encode(*rows));
  return checked;
}

storage_writer::CopyEncoder TelemetryCopyEncoder(tables::TableRole role) {
  const auto layout =
      Must(tables::MakeLayout(*TelemetryContract(), *TelemetryPipeline().postgres, role));
  std::vector<storage_writer::CopyEncoder::Column> columns;
  for (const tables::TableColumn& column : layout.columns)
    columns.push_back({column.source, TypeOf(column.type)});
  return storage_writer::CopyEncoder(std::move(columns));
}

WriteWork::WriteWork()
    : contract_(TelemetryContract()), config_(*TelemetryPipeline().postgres), decoder_(contract_) {
  for (int role = 0; role < tables::kTableRoles; ++role)
    encoders_.push_back(TelemetryCopyEncoder(static_cast<tables::TableRole>(role)));
}

size_t WriteWork::Run(const WireBatch& checked) {
  const std::shared_ptr<arrow::RecordBatch> rows = Decode(decoder_, checked);
  const storage_writer::PendingBatch pending =
      Must(storage_writer::SortOut({checked.coverage, rows, contract_}, config_));
  out_.clear();
  for (size_t role = 0; role < encoders_.size(); ++role) {
    if (pending.rows[role].empty()) continue;
    if (!encoders_[role].Bind(*rows, {contract_.get(), 0, 1, kArrivalMs * 1000}).ok()) std::abort();
    encoders_[role].Encode(pending.rows[role], &out_);
  }
  return out_.size();
}

std::vector<WireBatch> Validated(absl::Span<const SourceRecord> records) {
  ValidateWork work;
  const auto batch_rows = static_cast<size_t>(TelemetryPipeline().batch_rows);
  std::vector<WireBatch> batches;
  for (size_t first = 0; first < records.size(); first += batch_rows) {
    batches.push_back(
        work.Run(records.subspan(first, batch_rows), static_cast<batch::Offset>(first)));
  }
  return batches;
}

std::vector<WireBatch> Checked(const std::vector<WireBatch>& validated) {
  CheckWork work;
  std::vector<WireBatch> checked;
  for (const WireBatch& batch : validated) checked.push_back(work.Run(batch));
  return checked;
}

std::shared_ptr<arrow::RecordBatch> Rows(const WireBatch& batch) {
  batch::Decoder decoder(TelemetryContract());
  return Decode(decoder, batch);
}

}  // namespace sluice::bench
