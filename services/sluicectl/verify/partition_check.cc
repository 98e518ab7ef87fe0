#include "sluicectl/verify/partition_check.h"

#include <algorithm>
#include <limits>

#include "base/status.h"

namespace sluice::sluicectl {
namespace {

using batch::Verdict;

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
constexpr Verdict kStored[] = {Verdict::kClean, Verdict::kFailed, Verdict::kCorrupt};
constexpr Verdict kCounted[] = {Verdict::kClean,     Verdict::kFailed, Verdict::kCorrupt,
                                Verdict::kDuplicate, Verdict::kLate,   Verdict::kFiltered,
                                Verdict::kTombstone, Verdict::kLost};

size_t Index(Verdict verdict) { return static_cast<size_t>(verdict); }

bool IsStored(Verdict verdict) {
  return std::find(std::begin(kStored), std::end(kStored), verdict) != std::end(kStored);
}

}  // namespace

std::string PartitionCheck::At(int64_t offset) const {
  return Concat(proof_.partition, "@", offset);
}

std::string PartitionCheck::At(const LedgerRange& range) const {
  return Concat("partition ", proof_.partition, " [", range.first, ", ", range.next, ")");
}

absl::Status PartitionCheck::Run() {
  int64_t covered = in_.position.origin.value_or(0);
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const LedgerRange* range, in_.ledger->Peek());
    if (range == nullptr) break;
    if (range->first > covered) {
      differences_.Add("ledger has a hole", Concat("partition ", proof_.partition, " [", covered,
                                                   ", ", range->first, ")"));
      SLUICE_RETURN_IF_ERROR(CheckRange(covered, range->first, nullptr));
    } else if (range->first < covered) {
      differences_.Add("ledger overlaps", Concat(At(*range), " begins before ", covered));
    }
    CheckBalance(*range);
    SLUICE_RETURN_IF_ERROR(CheckRange(std::max(covered, range->first), range->next, range));
    covered = std::max(covered, range->next);
    in_.ledger->Pop();
  }
  if (!in_.position.next && !proof_.verdicts.empty()) {
    differences_.Add("position",
                     Concat("partition ", proof_.partition, " has a ledger but no position"));
  }
  const int64_t next = in_.position.next.value_or(covered);
  if (covered < next) {
    differences_.Add("ledger has a hole",
                     Concat("partition ", proof_.partition, " [", covered, ", ", next, ")"));
    SLUICE_RETURN_IF_ERROR(CheckRange(covered, next, nullptr));
  } else if (covered > next) {
    differences_.Add("position", Concat("partition ", proof_.partition, " is at ", next,
                                        ", its ledger ends at ", covered));
  }
  SLUICE_ASSIGN_OR_RETURN(const SourceRecord* unread, in_.records->Peek());
  if (unread != nullptr) {
    differences_.Add("not finished",
                     Concat("partition ", proof_.partition, " is at ", std::max(covered, next),
                            ", but there is a record at ", unread->offset,
                            in_.held_back.empty() ? "" : "; ", in_.held_back));
  }
  return CheckRange(std::max(covered, next), kNone, nullptr);
}

absl::StatusOr<int64_t> PartitionCheck::NextOffset() {
  int64_t offset = kNone;
  SLUICE_ASSIGN_OR_RETURN(const SourceRecord* record, in_.records->Peek());
  if (record != nullptr) offset = record->offset;
  SLUICE_ASSIGN_OR_RETURN(const LandedRow* row, in_.rows->Peek());
  if (row != nullptr && row->partition == proof_.partition) offset = std::min(offset, row->offset);
  if (in_.promises != nullptr && next_promise_ < in_.promises->size()) {
    offset = std::min(offset, (*in_.promises)[next_promise_].offset);
  }
  return offset;
}

absl::StatusOr<PartitionCheck::Moment> PartitionCheck::Take(int64_t offset, Tally* tally) {
  Moment moment;
  moment.offset = offset;
  SLUICE_ASSIGN_OR_RETURN(const SourceRecord* record, in_.records->Peek());
  if (record != nullptr && record->offset == offset) {
    moment.in_kafka = true;
    moment.null_value = record->null_value;
    moment.record_id_hash = record->record_id_hash;
    in_.records->Pop();
  }
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const LandedRow* row, in_.rows->Peek());
    if (row == nullptr || row->partition != proof_.partition || row->offset != offset) break;
    if (moment.rows++ == 0) moment.row = *row;
    ++(row->rejected ? tally->rejected_by_verdict : tally->rows)[Index(row->verdict)];
    tally->rejected += row->rejected;
    in_.rows->Pop();
  }
  if (in_.promises != nullptr && next_promise_ < in_.promises->size() &&
      (*in_.promises)[next_promise_].offset == offset) {
    moment.promise = &(*in_.promises)[next_promise_++];
  }
  return moment;
}

absl::Status PartitionCheck::CheckRange(int64_t first, int64_t next, const LedgerRange* range) {
  Tally tally;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const int64_t offset, NextOffset());
    if (offset == kNone || offset >= next) break;
    SLUICE_ASSIGN_OR_RETURN(const Moment moment, Take(offset, &tally));
    if (next == kNone || offset < first) {
      JudgeOutside(moment, offset < first);
      continue;
    }
    Judge(moment, range, &tally);
  }
  if (range != nullptr && range->first == first) CompareCounts(*range, tally);
  return absl::OkStatus();
}

// That records wait behind the position was said once; what is wrong is a row there, or a promise
// that nothing backs.
void PartitionCheck::JudgeOutside(const Moment& moment, bool before_origin) {
  if (moment.rows > 0) {
    differences_.Add(before_origin ? "before the origin" : "beyond the position",
                     Concat(At(moment.offset), " has a row"));
  } else if (moment.promise != nullptr && !moment.in_kafka && !before_origin &&
             !MayBeGone(moment.offset)) {
    differences_.Add("not in Kafka", Concat(At(moment.offset), " is in the truth file only"));
  }
}

void PartitionCheck::Judge(const Moment& moment, const LedgerRange* range, Tally* tally) {
  const bool expired = !moment.in_kafka && MayBeGone(moment.offset);
  if (moment.in_kafka) {
    ++tally->records;
    ++proof_.records;
    if (moment.rows == 0) ++tally->rowless;
  } else if (expired) {
    proof_.expired += moment.rows > 0;
  } else if (moment.rows > 0) {
    differences_.Add("made up",
                     Concat(At(moment.offset), " has a row (", batch::Name(moment.row.verdict),
                            ") but no record in Kafka"));
  }
  if (moment.rows > 1) {
    differences_.Add("landed more than once",
                     Concat(At(moment.offset), " has ", moment.rows, " rows"));
  }
  if (moment.in_kafka && moment.rows == 0 && (range == nullptr || range->Rowless() == 0)) {
    differences_.Add("missing",
                     Concat(At(moment.offset), " is in no table, and not counted without a row"));
  }
  if (in_.promises != nullptr) CheckPromise(moment, range);
}

void PartitionCheck::CheckPromise(const Moment& moment, const LedgerRange* range) {
  if (moment.promise == nullptr) {
    if (moment.in_kafka)
      differences_.Add("no truth", Concat(At(moment.offset), " is not in the truth file"));
    return;
  }
  const Promise& promise = *moment.promise;
  const bool lost = range != nullptr && range->verdicts[Index(Verdict::kLost)] > 0;
  if (!moment.in_kafka && !MayBeGone(moment.offset) && !lost) {
    differences_.Add("not in Kafka", Concat(At(moment.offset), " is in the truth file only"));
    return;
  }
  // Whether compaction took it before or after it could be read, the ledger alone knows.
  if (!moment.in_kafka && in_.compacted && moment.offset >= in_.begin && moment.rows == 0) return;
  if (moment.in_kafka && promise.record_id_hash != 0 &&
      moment.record_id_hash != promise.record_id_hash) {
    differences_.Add("record id",
                     Concat(At(moment.offset), " is another record than the promised one"));
  }
  const auto wrong = [&](std::string_view is) {
    differences_.Add("verdict",
                     Concat(At(moment.offset), " is ", is, ", not ", batch::Name(promise.verdict)));
  };
  if (moment.rows == 0) {
    if (IsStored(promise.verdict) && !lost) wrong("in no table");
    if (promise.verdict == Verdict::kTombstone && moment.in_kafka && !moment.null_value)
      wrong("a value");
    return;
  }
  if (moment.row.verdict != promise.verdict) return wrong(batch::Name(moment.row.verdict));
  if (moment.row.rejected) return;
  if (promise.verdict == Verdict::kCorrupt && moment.row.reason != promise.reason) {
    differences_.Add("reason",
                     Concat(At(moment.offset), " has reason `", vocabulary_.Text(moment.row.reason),
                            "`, not `", vocabulary_.Text(promise.reason), "`"));
  }
  if (promise.verdict != Verdict::kCorrupt && moment.row.rules != promise.rules) {
    differences_.Add("rules",
                     Concat(At(moment.offset), " breaks `", vocabulary_.Text(moment.row.rules),
                            "`, not `", vocabulary_.Text(promise.rules), "`"));
  }
}

bool PartitionCheck::MayBeGone(int64_t offset) const { return offset < in_.begin || in_.compacted; }

void PartitionCheck::CheckBalance(const LedgerRange& range) {
  int64_t sum = 0;
  for (const Verdict verdict : kCounted) {
    const int64_t count = range.verdicts[Index(verdict)];
    if (verdict != Verdict::kLost) sum += count;
    proof_.verdicts[std::string(batch::Name(verdict))] += count;
  }
  proof_.rejected += range.rejected;
  if (sum != range.records_read) {
    differences_.Add("ledger does not balance",
                     Concat(At(range), ": read ", range.records_read, ", verdicts sum to ", sum));
  }
}

void PartitionCheck::CompareCounts(const LedgerRange& range, const Tally& tally) {
  const auto compare = [&](std::string_view what, int64_t ledger, int64_t found) {
    if (ledger == found) return;
    differences_.Add(
        "ledger", Concat(At(range), ": ", what, " ", ledger, " in the ledger, ", found, " found"));
  };
  for (const Verdict verdict : kStored) {
    const size_t index = Index(verdict);
    compare(Concat("rows ", batch::Name(verdict)), range.rows[index], tally.rows[index]);
    compare(Concat("records ", batch::Name(verdict)), range.verdicts[index],
            tally.rows[index] + tally.rejected_by_verdict[index]);
  }
  compare("rejected", range.rejected, tally.rejected);
  // What retention or compaction has taken cannot be counted any more.
  const bool complete = range.first >= in_.begin && !in_.compacted;
  if (complete || tally.records > range.records_read)
    compare("records read", range.records_read, tally.records);
  if (complete || tally.rowless > range.Rowless())
    compare("records without a row", range.Rowless(), tally.rowless);
}

}  // namespace sluice::sluicectl
