#pragma once
// One source record in the internal topics: the batch that accounts for it, and its row there.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "stage/contract_store.h"

namespace sluice::sluicectl {

struct TrailPoint {
  std::string stage;
  std::string topic;
  int64_t internal_offset = 0;
  batch::Coverage coverage;
  std::shared_ptr<const contract::Contract> contract;
  std::shared_ptr<arrow::RecordBatch> rows;
  int64_t row = -1;  ///< in `rows`; -1: the batch has no row of that offset

  std::optional<batch::Verdict> verdict() const;
  /// Of a corrupt record; empty otherwise.
  std::string reason() const;
  /// The bits of the broken rules; empty: none.
  std::string failed_rules() const;
  /// Whether the record has columns.
  bool has_columns() const;
};

/// The first batch of `stage` that accounts for the source record; nullopt: there is none (yet, or
/// any more).
absl::StatusOr<std::optional<TrailPoint>> FindInStage(kafka::Admin& admin,
                                                      stage::ContractStore& contracts,
                                                      const contract::PipelineConfig& pipeline,
                                                      const char* stage, int32_t partition,
                                                      int64_t offset);

/// Where to begin reading a topic of batches for the one that accounts for `offset`: at or before
/// it, unless repeats have been stored; then its reader sees a gap, and reads from the begin.
absl::StatusOr<kafka::Offset> BeginNear(kafka::Admin& admin, const kafka::TopicPartition& partition,
                                        int64_t offset);

}  // namespace sluice::sluicectl
