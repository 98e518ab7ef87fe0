#pragma once
// What `contract shadow` prints: for people, and for programs.

#include <string>
#include <vector>

#include "batch/coverage.h"
#include "contract/contract.h"
#include "sample/shadow.h"
#include "sluicectl/json.h"

namespace sluice::sluicectl {

struct ShadowPartition {
  int32_t partition = 0;
  batch::Range range;  ///< of source offsets, judged
  int64_t records = 0;
};

class ShadowResult {
 public:
  /// All of it outlives the result. `partitions`: those that had something.
  ShadowResult(const contract::Contract& candidate, const sample::ShadowReport& report,
               const std::vector<ShadowPartition>& partitions)
      : candidate_(candidate), report_(report), partitions_(partitions) {}

  /// Without the last line end.
  std::string ToText() const;
  Json ToJson() const;

 private:
  const contract::Contract& candidate_;
  const sample::ShadowReport& report_;
  const std::vector<ShadowPartition>& partitions_;
};

}  // namespace sluice::sluicectl
