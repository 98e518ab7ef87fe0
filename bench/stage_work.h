#pragma once
// What each stage does with a batch, without Kafka and PostgreSQL, and records to do it with: for
// measurements that must not depend on anything else. To be run in the root of the tree. Whatever
// goes wrong ends the process.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "batch/wire.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"
#include "storage_writer/copy_encoder.h"
#include "tables/postgres_ddl.h"

namespace sluice::bench {

/// The pipeline `telemetry` and its contract.
contract::PipelineConfig TelemetryPipeline();
std::shared_ptr<const contract::Contract> TelemetryContract();

struct SourceRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;
};
/// The simulated fleet's records from number 0 on, the same ones in every run: 2 % are corrupt, 3 %
/// fail. None is oversize: one of those costs as much as thousands of others.
std::vector<SourceRecord> TelemetryRecords(int64_t count);

/// A batch as it travels.
struct WireBatch {
  std::shared_ptr<arrow::Buffer> value;
  batch::Coverage coverage;
};

/// The ingest-validator's: parses records, builds a batch, encodes it.
class ValidateWork {
 public:
  ValidateWork();
  WireBatch Run(absl::Span<const SourceRecord> records, batch::Offset first);

 private:
  std::shared_ptr<const contract::Contract> contract_;
  record::RecordParser parser_;
  record::BatchBuilder builder_;
  batch::Encoder encoder_;
};

/// qc's: decodes a batch, judges it, encodes it.
class CheckWork {
 public:
  CheckWork();
  WireBatch Run(const WireBatch& validated);

 private:
  batch::Decoder decoder_;
  rules::RuleEvaluator evaluator_;
  rules::Outcome outcome_;
  batch::Encoder encoder_;
};

/// The storage-writer's: decodes a batch and encodes the rows for the COPY into each table.
class WriteWork {
 public:
  WriteWork();
  /// Number of bytes for PostgreSQL.
  size_t Run(const WireBatch& checked);

 private:
  std::shared_ptr<const contract::Contract> contract_;
  contract::PostgresSinkConfig config_;
  batch::Decoder decoder_;
  std::vector<storage_writer::CopyEncoder> encoders_;  // by tables::TableRole
  storage_writer::CopyBuffer out_;
};

/// The encoder for one of the telemetry tables, as PostgreSQL would have it.
storage_writer::CopyEncoder TelemetryCopyEncoder(tables::TableRole role);

/// Records in batches as the pipeline cuts them: what the validator emits, and what qc makes of it.
std::vector<WireBatch> Validated(absl::Span<const SourceRecord> records);
std::vector<WireBatch> Checked(const std::vector<WireBatch>& validated);

/// The rows of a batch.
std::shared_ptr<arrow::RecordBatch> Rows(const WireBatch& batch);

}  // namespace sluice::bench
