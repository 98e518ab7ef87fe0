#include "sluicectl/records/landed_rows.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "sluicectl/verify/truth.h"

namespace sluice::sluicectl {
namespace {

using postgres::QuoteIdentifier;
using postgres::QuoteLiteral;

enum Column { kPartition, kOffset, kVerdict, kRejected, kContractId, kFailedRules, kReason };

std::string TableSql(const std::string& table, const char* verdict, const char* rules,
                     const char* reason) {
  return Concat("SELECT kafka_partition, kafka_offset, '", verdict, "', false, contract_id, ",
                rules, ", ", reason, " FROM ", table);
}

std::string StreamSql(const contract::PipelineConfig& pipeline) {
  const contract::PostgresSinkConfig& sink = *pipeline.postgres;
  const char* const rules = "encode(failed_rules, 'hex')";
  return Concat(
      TableSql(QualifiedName(sink, sink.clean_table), "clean", rules, "NULL::text"), " UNION ALL ",
      TableSql(QualifiedName(sink, sink.failed_table), "failed", rules, "NULL"), " UNION ALL ",
      TableSql(QualifiedName(sink, sink.corrupt_table), "corrupt", "NULL", "error_reason"),
      " UNION ALL SELECT partition, kafka_offset, verdict, true, contract_id, NULL, NULL"
      " FROM sluice.dead_letters",
      OwnRowsSql(pipeline), " ORDER BY 1, 2");
}

}  // namespace

absl::Status CheckTables(postgres::Connection* connection,
                         const contract::PostgresSinkConfig& sink) {
  for (const std::string& table : {sink.clean_table, sink.failed_table, sink.corrupt_table}) {
    const std::string name = QualifiedName(sink, table);
    SLUICE_ASSIGN_OR_RETURN(const postgres::Result found,
                            connection->Query("SELECT to_regclass($1)", {name}));
    if (found.IsNull(0, 0)) {
      return absl::FailedPreconditionError(
          Concat("there is no table ", name, ": has the storage-writer run on this database?"));
    }
  }
  return absl::OkStatus();
}

std::string QualifiedName(const contract::PostgresSinkConfig& sink, const std::string& table) {
  return Concat(QuoteIdentifier(sink.schema), ".", QuoteIdentifier(table));
}

std::string OwnRowsSql(const contract::PipelineConfig& pipeline) {
  return Concat(" WHERE pipeline = ", QuoteLiteral(pipeline.name),
                " AND generation = ", pipeline.generation,
                " AND sink = ", QuoteLiteral(pipeline.postgres->name),
                " AND topic = ", QuoteLiteral(pipeline.source_topic));
}

absl::StatusOr<LandedRows> LandedRows::Open(postgres::Connection* connection,
                                            const contract::PipelineConfig& pipeline,
                                            Vocabulary* vocabulary) {
  SLUICE_RETURN_IF_ERROR(CheckTables(connection, *pipeline.postgres));
  SLUICE_ASSIGN_OR_RETURN(Cursor cursor,
                          Cursor::Open(connection, "landed_rows", StreamSql(pipeline)));
  LandedRows rows(std::move(cursor), vocabulary);
  SLUICE_RETURN_IF_ERROR(rows.LoadRules(connection));
  return rows;
}

absl::Status LandedRows::LoadRules(postgres::Connection* connection) {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result rules,
      connection->Exec("SELECT contract_id, rule_index, rule_id FROM sluice.contract_rules"));
  for (int row = 0; row < rules.rows(); ++row) {
    rule_ids_[{rules.Integer(row, 0), rules.Integer(row, 1)}] = std::string(rules.Text(row, 2));
  }
  return absl::OkStatus();
}

Vocabulary::Id LandedRows::RulesOf(int64_t contract_id, std::string_view bits_hex) {
  const auto [known, added] = known_rules_.try_emplace({contract_id, std::string(bits_hex)}, 0);
  if (!added) return known->second;
  const std::string bits = absl::HexStringToBytes(known->first.second);
  std::vector<std::string> rules;
  for (size_t bit = 0; bit < bits.size() * 8; ++bit) {
    if (((static_cast<unsigned char>(bits[bit / 8]) >> (bit % 8)) & 1) == 0) continue;
    const auto rule = rule_ids_.find({contract_id, static_cast<int64_t>(bit)});
    rules.push_back(rule == rule_ids_.end() ? Concat("(bit ", bit, ")") : rule->second);
  }
  return known->second = vocabulary_->Intern(JoinRules(std::move(rules)));
}

absl::StatusOr<const LandedRow*> LandedRows::Peek() {
  if (row_) return &*row_;
  if (ended_) return nullptr;
  SLUICE_ASSIGN_OR_RETURN(const bool more, cursor_.Next());
  ended_ = !more;
  if (ended_) return nullptr;
  row_.emplace();
  row_->partition = static_cast<int32_t>(cursor_.Integer(kPartition));
  row_->offset = cursor_.Integer(kOffset);
  row_->verdict = batch::ParseVerdict(cursor_.Text(kVerdict)).value_or(batch::Verdict::kValid);
  row_->rejected = cursor_.Text(kRejected) == "t";
  if (!cursor_.IsNull(kFailedRules)) {
    row_->rules = RulesOf(cursor_.Integer(kContractId), cursor_.Text(kFailedRules));
  }
  const std::string_view reason = cursor_.Text(kReason);
  row_->reason = vocabulary_->Intern(reason.substr(0, reason.find(':')));
  return &*row_;
}

}  // namespace sluice::sluicectl
