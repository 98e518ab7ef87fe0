#pragma once
// Where records are, by what is known of them: values of their row, or their Kafka key.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "postgres/connection.h"
#include "sluicectl/records/column_condition.h"

namespace sluice::sluicectl {

/// What the records have in common: all of it.
struct RecordQuery {
  std::vector<ColumnCondition> columns;
  std::optional<std::string> key;  ///< as text; bytes that are no text as \x and hexadecimal digits
  std::optional<int32_t> partition;
  int64_t limit = 10;
};

/// Source coordinates.
struct RecordPlace {
  int32_t partition = 0;
  int64_t offset = 0;
};

struct FoundRecords {
  std::vector<RecordPlace> places;  ///< in the order of (partition, offset), at most `limit`
  bool more = false;                ///< than `limit`
  std::string searched;             ///< the tables, for people
};

/// Looks into the tables of clean and failed records and into the dead letters, and into the table
/// of corrupt records when no column is asked for: they have none. Scans where there is no index.
/// kInvalidArgument: PostgreSQL does not take a value.
absl::StatusOr<FoundRecords> FindRecords(postgres::Connection& connection,
                                         const contract::PipelineConfig& pipeline,
                                         const RecordQuery& query);

}  // namespace sluice::sluicectl
