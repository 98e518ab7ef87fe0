#include "qc/breaker.h"

#include <cmath>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "batch/schema.h"

namespace sluice::qc {
namespace {

using batch::Verdict;
using contract::Action;
using Cause = batch::Breaker::Cause;

bool IsFailure(uint8_t verdict) {
  return verdict == static_cast<uint8_t>(Verdict::kFailed) ||
         verdict == static_cast<uint8_t>(Verdict::kCorrupt);
}

/// The id of the first rule with this action that the rows [begin, end) break; empty: none.
std::string FirstBroken(const contract::Contract& contract, const rules::Outcome& outcome,
                        int64_t begin, int64_t end, Action action) {
  for (size_t rule = 0; rule < contract.rules.size(); ++rule) {
    if (contract.rules[rule].action != action) continue;
    for (int64_t row = begin; row < end; ++row) {
      if (outcome.FailedRules(row)[rule / 8] >> (rule % 8) & 1) return contract.rules[rule].id;
    }
  }
  return "";
}

std::string ReasonOf(const arrow::RecordBatch& rows, int64_t row) {
  const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows.column(batch::kReason));
  if (reasons.IsNull(row)) return "";
  return std::string(static_cast<const arrow::StringArray&>(*reasons.dictionary())
                         .GetView(reasons.GetValueIndex(row)));
}

}  // namespace

/// The rows [begin, end) of one source offset.
struct Breaker::Record {
  int64_t begin = 0;
  int64_t end = 0;
};

Breaker::Breaker(const std::optional<contract::BreakerConfig>& config) {
  if (!config) return;
  window_ = config->window;
  // A share such as 0.29 is a little less than what was written.
  limit_ = static_cast<int64_t>(
      std::floor(config->max_failure_rate * static_cast<double>(window_) + 1e-6));
}

void Breaker::Advance(batch::Offset to, batch::Breaker* state) const {
  if (window_ == 0 || to <= state->next) return;
  if (to / window_ != state->next / window_) state->failures = 0;
  state->next = to;
}

bool Breaker::Judge(const contract::Contract& contract, const arrow::RecordBatch& rows,
                    const rules::Outcome& outcome, const batch::Range& range,
                    batch::Breaker* state) const {
  if (state->window != window_) {  // counted by another configuration
    state->window = window_;
    state->failures = 0;
  }
  const int64_t count = rows.num_rows();
  if (count > 0 && (window_ > 0 || outcome.breaker_row >= 0)) {
    const auto* offsets = rows.column_data(batch::kOffset)->GetValues<int64_t>(1);
    const auto* verdicts = rows.column_data(batch::kVerdict)->GetValues<uint8_t>(1);
    for (Record record; record.begin < count; record.begin = record.end) {
      const batch::Offset offset = offsets[record.begin];
      for (record.end = record.begin + 1; record.end < count && offsets[record.end] == offset;)
        ++record.end;
      if (offset < state->next || !IsFailure(verdicts[record.begin])) continue;
      Advance(offset, state);
      state->open = CauseOf(contract, outcome, record, state);
      if (!state->IsOpen()) continue;
      state->next = offset;
      if (state->rule.empty()) state->rule = ReasonOf(rows, record.begin);
      return true;
    }
  }
  Advance(range.next, state);
  return false;
}

Cause Breaker::CauseOf(const contract::Contract& contract, const rules::Outcome& outcome,
                       const Record& record, batch::Breaker* state) const {
  state->rule = FirstBroken(contract, outcome, record.begin, record.end, Action::kFail);
  if (!state->rule.empty()) return Cause::kRule;
  if (window_ == 0) return Cause::kNone;
  if (state->failures >= limit_) {
    state->rule = FirstBroken(contract, outcome, record.begin, record.end, Action::kQuarantine);
    return Cause::kFailureRate;
  }
  ++state->failures;
  return Cause::kNone;
}

batch::Offset Breaker::DefaultUntil(const batch::Breaker& open) {
  if (open.open == Cause::kRule) return open.next + 1;
  return (open.next / open.window + 1) * open.window;
}

batch::Breaker Breaker::Reset(const batch::Breaker& open, batch::Offset until) {
  return {until, open.window, 0, Cause::kNone, ""};
}

}  // namespace sluice::qc
