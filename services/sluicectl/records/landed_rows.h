#pragma once
// All rows of a pipeline's tables and its dead letters as one stream in the order of (partition,
// offset).

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "batch/verdict.h"
#include "contract/pipeline.h"
#include "sluicectl/database.h"
#include "sluicectl/records/streams.h"
#include "sluicectl/records/vocabulary.h"

namespace sluice::sluicectl {

class LandedRows : public Stream<LandedRow> {
 public:
  /// Inside of a transaction of `connection`. kFailedPrecondition: a table is missing.
  static absl::StatusOr<LandedRows> Open(postgres::Connection* connection,
                                         const contract::PipelineConfig& pipeline,
                                         Vocabulary* vocabulary);

  absl::StatusOr<const LandedRow*> Peek() override;
  void Pop() override { row_.reset(); }

 private:
  LandedRows(Cursor cursor, Vocabulary* vocabulary)
      : cursor_(std::move(cursor)), vocabulary_(vocabulary) {}
  absl::Status LoadRules(postgres::Connection* connection);
  /// The broken rules of a row; unknown bits by their number.
  Vocabulary::Id RulesOf(int64_t contract_id, std::string_view bits_hex);

  Cursor cursor_;
  Vocabulary* vocabulary_;
  std::map<std::pair<int64_t, int64_t>, std::string> rule_ids_;            // by contract and index
  std::map<std::pair<int64_t, std::string>, Vocabulary::Id> known_rules_;  // by contract and bits
  std::optional<LandedRow> row_;
  bool ended_ = false;
};

/// kFailedPrecondition: a table of the sink is missing.
absl::Status CheckTables(postgres::Connection* connection,
                         const contract::PostgresSinkConfig& sink);

/// "schema"."table" of a sink's table.
std::string QualifiedName(const contract::PostgresSinkConfig& sink, const std::string& table);

/// ` WHERE` for the tables of schema sluice that have one row per pipeline, generation, sink and
/// topic.
std::string OwnRowsSql(const contract::PipelineConfig& pipeline);

}  // namespace sluice::sluicectl
