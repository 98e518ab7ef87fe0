#pragma once
// The three accounts of one topic that a proof compares, each in the order of offsets.

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "batch/verdict.h"
#include "sluicectl/records/vocabulary.h"

namespace sluice::sluicectl {

template <typename T>
class Stream {
 public:
  virtual ~Stream() = default;
  /// The next element, null at the end. Valid until Pop.
  virtual absl::StatusOr<const T*> Peek() = 0;
  virtual void Pop() = 0;
};

/// A record of the source topic, as far as a proof needs it.
struct SourceRecord {
  int64_t offset = 0;
  bool null_value = false;
  uint64_t record_id_hash = 0;  ///< see HashRecordId; 0: it has none
};

/// A row of a pipeline's table, or a dead letter.
struct LandedRow {
  int32_t partition = 0;
  int64_t offset = 0;
  batch::Verdict verdict = batch::Verdict::kClean;
  bool rejected = false;      ///< a dead letter: the database refused the row
  Vocabulary::Id reason = 0;  ///< of a corrupt record
  Vocabulary::Id rules = 0;   ///< the broken ones, see JoinRules
};

/// One range of sluice.ledger.
struct LedgerRange {
  int64_t first = 0;
  int64_t next = 0;
  int64_t records_read = 0;
  std::array<int64_t, batch::kVerdictCount> verdicts{};
  int64_t rejected = 0;
  std::array<int64_t, batch::kVerdictCount> rows{};  ///< of the verdicts that have a table

  int64_t Count(batch::Verdict verdict) const { return verdicts[static_cast<size_t>(verdict)]; }
  /// Records that the ledger counts and no table holds.
  int64_t Rowless() const;
};

}  // namespace sluice::sluicectl
