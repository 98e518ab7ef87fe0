#include "batch/coverage.h"

#include <algorithm>
#include <numeric>

#include "base/strings.h"

namespace sluice::batch {

Counts& operator+=(Counts& counts, const Counts& more) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += more[i];
  return counts;
}

int64_t Total(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

std::string Describe(const Breaker& breaker) {
  if (!breaker.IsOpen()) return "the breaker is closed";
  const std::string text = Concat("the breaker is open at offset ", breaker.next, ": ");
  if (breaker.open == Breaker::Cause::kRule) {
    return Concat(text, "the record breaks the rule ", breaker.rule, ", whose action is fail");
  }
  const Offset first = breaker.next / breaker.window * breaker.window;
  return Concat(text, "with this record (", breaker.rule, ") ", breaker.failures + 1,
                " have failed of offsets [", first, ", ", first + breaker.window,
                "), more than quality.breaker.max_failure_rate allows");
}

bool Coverage::IsWhole(const Window& closed) const {
  if (!open_window.time) return closed.range.next - closed.range.first == open_window.size;
  return closed.start_us >= open_window.time->whole_from_us.value_or(closed.start_us);
}

bool Coverage::IsJudged(const Window& closed, const contract::Metric& metric) const {
  return IsWhole(closed) && (!closed.saturated || metric.compared.empty());
}

Acceptance Reader::Offer(const Range& batch) {
  const Acceptance acceptance = Accept(next_, batch);
  if (acceptance == Acceptance::kGap) {
    beyond_ = std::min(beyond_.value_or(batch.first), batch.first);
  } else if (acceptance == Acceptance::kApply) {
    next_ = batch.next;
    if (beyond_ && *beyond_ <= next_) beyond_.reset();
  }
  return acceptance;
}

std::optional<Range> Reader::gap() const {
  if (!beyond_) return std::nullopt;
  return Range{next_, *beyond_};
}

void Emitter::Sent(const Range& batch) {
  sent_ = batch.next;
  in_flight_ = true;
}

void Emitter::Acknowledged() {
  end_ = sent_;
  in_flight_ = false;
}

void Emitter::Rewind(Offset to) { end_ = sent_ = std::min(to, end_); }

}  // namespace sluice::batch
