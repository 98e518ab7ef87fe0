#pragma once
// The simulator's truth file: what must become of each record. One JSON object a line:
//   {"partition": 0, "offset": 17, "record_id": "r-17", "fault": "null", "verdict": "failed",
//   "reason": null, "rules": ["x"]}

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "batch/verdict.h"
#include "sluicectl/records/vocabulary.h"

namespace sluice::sluicectl {

struct Promise {
  int64_t offset = 0;
  uint64_t record_id_hash = 0;  ///< see HashRecordId; 0: none is promised
  Vocabulary::Id reason = 0;    ///< of a corrupt record
  Vocabulary::Id rules = 0;     ///< ids in alphabetical order, separated by commas
  batch::Verdict verdict = batch::Verdict::kClean;
};

/// About 24 bytes a record; promises of a partition in the order of their offsets.
using Truth = std::map<int32_t, std::vector<Promise>>;

/// kInvalidArgument: the file cannot be read, a line is not as above, or two lines contradict each
/// other.
absl::StatusOr<Truth> LoadTruth(const std::string& path, Vocabulary* vocabulary);

/// Never 0. The same only within one process.
uint64_t HashRecordId(std::string_view record_id);

/// Rule ids as the truth and the tables are compared.
std::string JoinRules(std::vector<std::string> rules);

}  // namespace sluice::sluicectl
