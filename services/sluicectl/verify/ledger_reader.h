#pragma once
// The ledger of one partition in PostgreSQL.

#include <optional>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "sluicectl/database.h"
#include "sluicectl/records/streams.h"

namespace sluice::sluicectl {

class LedgerReader : public Stream<LedgerRange> {
 public:
  /// Inside of a transaction of `connection`.
  static absl::StatusOr<LedgerReader> Open(postgres::Connection* connection,
                                           const contract::PipelineConfig& pipeline,
                                           int32_t partition);
  absl::StatusOr<const LedgerRange*> Peek() override;
  void Pop() override { range_.reset(); }

 private:
  explicit LedgerReader(Cursor cursor) : cursor_(std::move(cursor)) {}

  Cursor cursor_;
  std::optional<LedgerRange> range_;
  bool ended_ = false;
};

}  // namespace sluice::sluicectl
