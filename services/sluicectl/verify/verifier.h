#pragma once
// Proves, from Kafka and PostgreSQL alone, what became of every record of a pipeline's source
// topic:
//   coverage   the position is the end of the log: a read-committed reader finds no record at or
//   behind it ledger     its ranges tile [origin, position) without hole or overlap, and each
//   balances: read = sum of verdicts tables     in each range the ledger's counts are those of the
//   rows in the tables and of the records in Kafka records    each record has landed exactly once,
//   or is among those that the ledger counts without a row truth      with a truth file: each
//   record's verdict, reason and broken rules are the promised ones
// Everything is streamed in the order of offsets; memory does not grow with the topic (the truth
// file's does).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "batch/verdict.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "postgres/connection.h"
#include "sluicectl/records/landed_rows.h"
#include "sluicectl/verify/proof.h"
#include "sluicectl/verify/truth.h"

namespace sluice::sluicectl {

/// One proof. `admin` and `connection` are used by nobody else meanwhile.
class Verifier {
 public:
  Verifier(const contract::PipelineConfig& pipeline, kafka::Admin* admin,
           postgres::Connection* connection);

  /// `truth_path` empty: without. An error means that the proof could not be made, not that it
  /// failed.
  absl::StatusOr<Proof> Run(const std::string& truth_path);

 private:
  absl::StatusOr<Proof> RunInTransaction(const std::string& truth_path);
  absl::StatusOr<std::map<int32_t, SinkPosition>> ReadPositions();
  absl::StatusOr<std::string> HeldBack(int32_t partition);
  absl::Status CheckCellFailures();
  absl::Status DrainRows(LandedRows& rows, int32_t before);

  const contract::PipelineConfig& pipeline_;
  kafka::Admin* admin_;
  postgres::Connection* connection_;
  Vocabulary vocabulary_;
  Proof proof_;
};

}  // namespace sluice::sluicectl
