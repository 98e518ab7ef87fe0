#include "sluicectl/verify/verifier.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "batch/wire.h"
#include "sluicectl/records/source_reader.h"
#include "sluicectl/verify/ledger_reader.h"
#include "sluicectl/verify/partition_check.h"
#include "stage/topics.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);

}  // namespace

Verifier::Verifier(const contract::PipelineConfig& pipeline, kafka::Admin* admin,
                   postgres::Connection* connection)
    : pipeline_(pipeline), admin_(admin), connection_(connection) {}

absl::StatusOr<Proof> Verifier::Run(const std::string& truth_path) {
  // One snapshot: rows, ledger and positions of the same instant, even while the pipeline runs.
  SLUICE_RETURN_IF_ERROR(
      connection_->Exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").status());
  absl::StatusOr<Proof> proof = RunInTransaction(truth_path);
  (void)connection_->Rollback();
  return proof;
}

absl::StatusOr<std::map<int32_t, SinkPosition>> Verifier::ReadPositions() {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result rows,
      connection_->Exec(
          Concat("SELECT partition, topic_id, origin, next_offset FROM sluice.coverage",
                 OwnRowsSql(pipeline_))));
  std::map<int32_t, SinkPosition> positions;
  for (int row = 0; row < rows.rows(); ++row) {
    positions[static_cast<int32_t>(rows.Integer(row, 0))] = {
        std::string(rows.Text(row, 1)), rows.OptionalInteger(row, 2), rows.OptionalInteger(row, 3)};
  }
  return positions;
}

// What qc's own output says of its breaker: its last batch, or a recent one when others wrote
// behind it.
absl::StatusOr<std::string> Verifier::HeldBack(int32_t partition) {
  constexpr int64_t kRecent = 8;
  const kafka::TopicPartition checked{pipeline_.InternalTopic(stage::kCheckedStage), partition};
  const auto log = admin_->QueryWatermarks(checked, kRequestTimeout);
  if (!log.ok()) return "";  // nothing has been judged yet
  SLUICE_ASSIGN_OR_RETURN(
      const std::vector<kafka::Message> messages,
      admin_->Read(checked, std::max(log->begin, log->end - kRecent), kRecent, kRequestTimeout));
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    const auto header = message->Header(batch::kCoverageHeader);
    const auto coverage = header ? batch::DecodeCoverage(*header) : absl::NotFoundError("no batch");
    if (!coverage.ok()) continue;
    return coverage->breaker.IsOpen() ? batch::Describe(coverage->breaker) : "";
  }
  return "";
}

// The detail in sluice.cell_failures is as long as the ledger says, per partition.
absl::Status Verifier::CheckCellFailures() {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result rows,
      connection_->Exec(Concat(
          "SELECT partition, coalesce(l.count, 0), coalesce(c.count, 0) FROM (SELECT partition, "
          "sum(rows_cell_failures) AS count FROM sluice.ledger",
          OwnRowsSql(pipeline_),
          " GROUP BY 1) l FULL JOIN ("
          "SELECT partition, count(*) AS count FROM sluice.cell_failures WHERE pipeline = ",
          postgres::QuoteLiteral(pipeline_.name), " AND generation = ", pipeline_.generation,
          " AND topic = ", postgres::QuoteLiteral(pipeline_.source_topic),
          " GROUP BY 1) c USING (partition)")));
  for (int row = 0; row < rows.rows(); ++row) {
    if (rows.Integer(row, 1) == rows.Integer(row, 2)) continue;
    proof_.differences.Add("cell failures",
                           Concat("partition ", rows.Text(row, 0), ": ", rows.Text(row, 1),
                                  " in the ledger, ", rows.Text(row, 2), " found"));
  }
  return absl::OkStatus();
}

// Rows of partitions that the topic does not have.
absl::Status Verifier::DrainRows(LandedRows& rows, int32_t before) {
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const LandedRow* row, rows.Peek());
    if (row == nullptr || row->partition >= before) return absl::OkStatus();
    proof_.differences.Add(
        "made up", Concat(row->partition, "@", row->offset, " is of no partition of the topic"));
    rows.Pop();
  }
}

absl::StatusOr<Proof> Verifier::RunInTransaction(const std::string& truth_path) {
  Truth truth;
  if (!truth_path.empty()) {
    SLUICE_ASSIGN_OR_RETURN(truth, LoadTruth(truth_path, &vocabulary_));
    proof_.with_truth = true;
  }
  SLUICE_ASSIGN_OR_RETURN(auto positions, ReadPositions());
  SLUICE_ASSIGN_OR_RETURN(LandedRows rows, LandedRows::Open(connection_, pipeline_, &vocabulary_));
  SLUICE_ASSIGN_OR_RETURN(const kafka::TopicDescription topic,
                          admin_->Describe(pipeline_.source_topic, kRequestTimeout));
  // Who may not ask is told of records that compaction has taken.
  const auto cleanup =
      admin_->TopicConfig(pipeline_.source_topic, "cleanup.policy", kRequestTimeout);
  const bool compacted = cleanup.ok() && cleanup->find("compact") != std::string::npos;
  for (int32_t number = 0; number < topic.partitions; ++number) {
    const kafka::TopicPartition partition{pipeline_.source_topic, number};
    SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                            admin_->QueryWatermarks(partition, kRequestTimeout));
    PartitionProof& proof = proof_.partitions.emplace_back();
    proof.partition = number;
    proof.end = log.end;
    const SinkPosition position = positions[number];
    proof.origin = position.origin.value_or(-1);
    proof.next = position.next.value_or(-1);
    if (!position.topic_id.empty() && !topic.id.empty() && position.topic_id != topic.id) {
      proof_.differences.Add(
          "another log", Concat("partition ", number, " was read from topic id ", position.topic_id,
                                ", the topic's is ", topic.id));
    }
    if (proof.next > log.end) {
      proof_.differences.Add("position", Concat("partition ", number, " is at ", proof.next,
                                                ", beyond the end ", log.end));
    }
    SLUICE_RETURN_IF_ERROR(DrainRows(rows, number));
    SourceReader records(admin_, partition, position.origin.value_or(log.begin));
    SLUICE_ASSIGN_OR_RETURN(LedgerReader ledger,
                            LedgerReader::Open(connection_, pipeline_, number));
    SLUICE_ASSIGN_OR_RETURN(const std::string held_back, HeldBack(number));
    const PartitionCheck::Inputs inputs{log.begin, compacted,
                                        position,  &records,
                                        &rows,     proof_.with_truth ? &truth[number] : nullptr,
                                        &ledger,   held_back};
    SLUICE_RETURN_IF_ERROR(PartitionCheck(inputs, vocabulary_, &proof, &proof_.differences).Run());
    positions.erase(number);
    truth.erase(number);
  }
  SLUICE_RETURN_IF_ERROR(DrainRows(rows, std::numeric_limits<int32_t>::max()));
  for (const auto& [number, position] : positions) {
    proof_.differences.Add("position",
                           Concat("of partition ", number, ", which the topic does not have"));
  }
  for (const auto& [number, promises] : truth) {
    proof_.differences.Add("not in Kafka",
                           Concat("partition ", number, " is in the truth file only"));
  }
  SLUICE_RETURN_IF_ERROR(CheckCellFailures());
  return std::move(proof_);
}

}  // namespace sluice::sluicectl
