#pragma once
// What a proof is made from, and what it yields.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluicectl/verify/differences.h"

namespace sluice::sluicectl {

/// Where a sink is on one partition: a row of sluice.coverage.
struct SinkPosition {
  std::string topic_id;
  std::optional<int64_t> origin;
  std::optional<int64_t> next;
};

/// What was found in one partition.
struct PartitionProof {
  int32_t partition = 0;
  int64_t origin = -1;  ///< -1: nothing has landed
  int64_t next = -1;
  int64_t end = 0;      ///< of the log
  int64_t records = 0;  ///< compared
  int64_t expired = 0;  ///< rows whose record is no longer in Kafka: only counted
  std::map<std::string, int64_t> verdicts;  ///< by name, from the ledger
  int64_t rejected = 0;
};

struct Proof {
  std::vector<PartitionProof> partitions;
  Differences differences;
  bool with_truth = false;
};

}  // namespace sluice::sluicectl
