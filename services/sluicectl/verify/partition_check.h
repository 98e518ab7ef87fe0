#pragma once
// The proof of one partition: three streams (records in Kafka, landed rows, promises of the truth)
// are merged in the order of offsets, range by range of the ledger.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sluicectl/records/streams.h"
#include "sluicectl/verify/differences.h"
#include "sluicectl/verify/proof.h"
#include "sluicectl/verify/truth.h"

namespace sluice::sluicectl {

class PartitionCheck {
 public:
  struct Inputs {
    int64_t begin = 0;       ///< of the log: earlier records cannot be read any more
    bool compacted = false;  ///< the log is: any record may be gone that was read once
    SinkPosition position;
    Stream<SourceRecord>* records = nullptr;
    Stream<LandedRow>* rows = nullptr;
    const std::vector<Promise>* promises = nullptr;  ///< null: no truth file
    Stream<LedgerRange>* ledger = nullptr;
    std::string held_back = {};  ///< why what lies behind the position does not land; empty: it may
  };

  PartitionCheck(const Inputs& inputs, const Vocabulary& vocabulary, PartitionProof* proof,
                 Differences* differences)
      : in_(inputs), vocabulary_(vocabulary), proof_(*proof), differences_(*differences) {}

  absl::Status Run();

 private:
  /// What was seen in a range.
  struct Tally {
    int64_t records = 0;
    int64_t rowless = 0;
    int64_t rejected = 0;
    std::array<int64_t, batch::kVerdictCount> rows{};
    std::array<int64_t, batch::kVerdictCount> rejected_by_verdict{};
  };
  /// All that is known about one offset.
  struct Moment {
    int64_t offset = 0;
    bool in_kafka = false;
    bool null_value = false;
    uint64_t record_id_hash = 0;
    int rows = 0;
    LandedRow row;  ///< the first one
    const Promise* promise = nullptr;
  };

  absl::Status CheckRange(int64_t first, int64_t next, const LedgerRange* range);
  /// Whether a record that is not in Kafka may have been there.
  bool MayBeGone(int64_t offset) const;
  absl::StatusOr<int64_t> NextOffset();
  absl::StatusOr<Moment> Take(int64_t offset, Tally* tally);
  void JudgeOutside(const Moment& moment, bool before_origin);
  void Judge(const Moment& moment, const LedgerRange* range, Tally* tally);
  void CheckPromise(const Moment& moment, const LedgerRange* range);
  void CheckBalance(const LedgerRange& range);
  void CompareCounts(const LedgerRange& range, const Tally& tally);
  std::string At(int64_t offset) const;
  std::string At(const LedgerRange& range) const;

  const Inputs in_;
  const Vocabulary& vocabulary_;
  PartitionProof& proof_;
  Differences& differences_;
  size_t next_promise_ = 0;
};

}  // namespace sluice::sluicectl
