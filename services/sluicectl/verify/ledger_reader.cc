#include "sluicectl/verify/ledger_reader.h"

#include "base/status.h"
#include "sluicectl/records/landed_rows.h"

namespace sluice::sluicectl {
namespace {

using batch::Verdict;

constexpr Verdict kWithTable[] = {Verdict::kClean, Verdict::kFailed, Verdict::kCorrupt};
constexpr Verdict kCounted[] = {Verdict::kClean,     Verdict::kFailed, Verdict::kCorrupt,
                                Verdict::kDuplicate, Verdict::kLate,   Verdict::kFiltered,
                                Verdict::kTombstone, Verdict::kLost};
// The columns before the verdicts'.
constexpr int kFixedColumns = 4;

// The columns of the ledger are called like the verdicts.
std::string LedgerSql(const contract::PipelineConfig& pipeline, int32_t partition) {
  std::string sql = "SELECT first_offset, next_offset, records_read, rejected";
  for (const Verdict verdict : kWithTable) Append(&sql, ", rows_", batch::Name(verdict));
  for (const Verdict verdict : kCounted) Append(&sql, ", ", batch::Name(verdict));
  return Concat(sql, " FROM sluice.ledger", OwnRowsSql(pipeline), " AND partition = ", partition,
                " ORDER BY first_offset");
}

}  // namespace

int64_t LedgerRange::Rowless() const {
  return Count(Verdict::kDuplicate) + Count(Verdict::kLate) + Count(Verdict::kFiltered) +
         Count(Verdict::kTombstone);
}

absl::StatusOr<LedgerReader> LedgerReader::Open(postgres::Connection* connection,
                                                const contract::PipelineConfig& pipeline,
                                                int32_t partition) {
  SLUICE_ASSIGN_OR_RETURN(Cursor cursor, Cursor::Open(connection, Concat("ledger_", partition),
                                                      LedgerSql(pipeline, partition)));
  return LedgerReader(std::move(cursor));
}

absl::StatusOr<const LedgerRange*> LedgerReader::Peek() {
  if (range_) return &*range_;
  if (ended_) return nullptr;
  SLUICE_ASSIGN_OR_RETURN(const bool more, cursor_.Next());
  ended_ = !more;
  if (ended_) return nullptr;
  LedgerRange& range = range_.emplace();
  range.first = cursor_.Integer(0);
  range.next = cursor_.Integer(1);
  range.records_read = cursor_.Integer(2);
  range.rejected = cursor_.Integer(3);
  int column = kFixedColumns;
  for (const Verdict verdict : kWithTable) {
    range.rows[static_cast<size_t>(verdict)] = cursor_.Integer(column++);
  }
  for (const Verdict verdict : kCounted) {
    range.verdicts[static_cast<size_t>(verdict)] = cursor_.Integer(column++);
  }
  return &range;
}

}  // namespace sluice::sluicectl
