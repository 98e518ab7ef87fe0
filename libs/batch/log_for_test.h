#pragma once
// What every reader must see of an output log, whoever wrote it.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "batch/coverage.h"

namespace sluice::batch {

/// A batch in the output log; `by` stands for its verdicts, as if they depended on the emitter.
struct Logged {
  Range range;
  int by = 0;
};
struct Row {
  Offset offset = 0;
  int by = 0;
  bool operator==(const Row&) const = default;
};

/// Mistakes a reader can make, for the tests of the tests.
struct ReaderMistakes {
  bool no_trim = false;
  bool late_hint = false;
};

/// What a reader at `next` that begins with batch `hint` applies.
inline std::vector<Row> Read(const std::vector<Logged>& log, Reader* reader, size_t hint,
                             bool no_trim = false) {
  std::vector<Row> rows;
  for (size_t i = hint; i < log.size(); ++i) {
    const Offset next = reader->next();
    if (reader->Offer(log[i].range) != Acceptance::kApply) continue;
    for (Offset at = no_trim ? log[i].range.first : next; at < log[i].range.next; ++at)
      rows.push_back({at, log[i].by});
  }
  return rows;
}

inline size_t FirstReachingPast(const std::vector<Logged>& log, Offset offset) {
  const auto reaches = [&](const Logged& batch) { return batch.range.next > offset; };
  return static_cast<size_t>(std::find_if(log.begin(), log.end(), reaches) - log.begin());
}

inline std::string Print(const std::vector<Logged>& log) {
  std::string text;
  for (const Logged& batch : log)
    absl::StrAppend(&text, "[", batch.range.first, ",", batch.range.next, ")@", batch.by, " ");
  return text;
}

/// "" when the log is as the laws promise, else what is wrong with it.
inline std::string Wrong(const std::vector<Logged>& log, const ReaderMistakes& mistakes = {}) {
  Reader whole(0);
  const std::vector<Row> rows = Read(log, &whole, 0, mistakes.no_trim);
  if (whole.gap()) return absl::StrCat("a gap at ", whole.next());
  if (rows.size() != static_cast<size_t>(whole.next()))
    return "a record is applied twice or not at all";
  for (Offset at = 0; at < whole.next(); ++at) {
    const Row expected{at, log[FirstReachingPast(log, at)].by};
    if (rows[static_cast<size_t>(at)] != expected)
      return absl::StrCat("record ", at, " is out of order or misjudged");
  }
  // A sink that has [0, next) goes on from any hint that is not later than the first batch reaching
  // past next. Everything of a small log is tried, some of a large one.
  for (Offset next = 0; next <= whole.next(); next += 1 + whole.next() / 12) {
    const size_t latest = FirstReachingPast(log, next) + (mistakes.late_hint ? 1 : 0);
    const size_t stride = 1 + latest / 4;  // the latest is always tried
    for (size_t back = 0; back <= latest; back += stride) {
      const size_t hint = std::min(latest - back, log.size());
      Reader resumed(next);
      const std::vector<Row> rest = Read(log, &resumed, hint);
      if (!std::equal(rest.begin(), rest.end(), rows.begin() + next, rows.end())) {
        return absl::StrCat("resumed at ", next, " with hint ", hint,
                            ", a reader sees something else");
      }
    }
  }
  return "";
}

}  // namespace sluice::batch
