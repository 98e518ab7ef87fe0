#pragma once
// Places at which a test may strike, and mistakes that a test has to catch. Only a build with
// SLUICE_FAULTS (preset `faults`) has them; in any other one both macros are constants.
//
//   SLUICE_CRASH_AT=NAME[:N]   kill -9 at the Nth arrival at SLUICE_FAULT_POINT("NAME"), else the
//   first SLUICE_FREEZE_AT=NAME[:N]  SIGSTOP there SLUICE_MISTAKE=NAME SLUICE_MISTAKE("NAME") is
//   true
//
// tests/faults reads the two lists below: a point that is never reached, and a mistake that nobody
// catches, fails there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace sluice::fault {

inline constexpr std::string_view kPoints[] = {
    // Every stage: libs/stage.
    "stage.opened",
    "stage.taken",
    "stage.before_group_commit",
    "stage.after_group_commit",
    "stage.stopping",
    "stage.settled",
    "stage.left",
    // What the ingest-validator and qc emit.
    "output.before_send",
    "output.sent",
    "output.acknowledged",
    // The storage-writer, in the order of one transaction.
    "writer.tables_made",
    "writer.taken_over",
    "writer.begun",
    "writer.within_copy",
    "writer.clean_copied",
    "writer.others_copied",
    "writer.row_refused",
    "writer.before_position",
    "writer.before_commit",
    "writer.committed",
    // The producer-simulator.
    "simulator.spooled",
    "simulator.sent",
    "simulator.acknowledged",
    "simulator.truth_stored",
    "simulator.file_drafted",
    "simulator.checkpoint_stored",
    "simulator.stopping",
};

inline constexpr std::string_view kMistakes[] = {
    "commit_before_rows",     // ledger and position are committed, the rows afterwards
    "counts_from_elsewhere",  // the header's counts are not those of the rows
    "dead_letter_forgotten",  // a row that PostgreSQL refuses is only counted
    "failed_batch_dropped",   // a send that failed is taken for acknowledged
    "gap_stepped_over",       // a batch beyond a gap is applied
    "ledger_row_forgotten",   // the position moves, the ledger says nothing
    "no_compare_and_set",     // the writer sets a position that may not be its own any more
    "no_trim",                // a batch that overlaps the position is applied whole
    "position_from_group",    // the validator goes on at its group offset, not at its own end
    "rows_before_commit",     // the rows are committed, ledger and position afterwards
    "topic_id_ignored",       // another log under the same name is read on
    "two_in_flight",          // a batch is sent before the last one is acknowledged
    "verdict_by_clock",       // rules see the time of judging, not the record's
};

/// True; a name that is not in the list does not compile.
template <size_t size>
consteval bool Lists(const std::string_view (&names)[size], std::string_view name) {
  if (std::find(std::begin(names), std::end(names), name) == std::end(names))
    throw "no such name in base/fault_point.h";
  return true;
}

}  // namespace sluice::fault

#ifdef SLUICE_FAULTS

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace sluice::fault {

/// What the environment orders; read once.
struct Order {
  int signal = 0;
  std::string_view point;
  int64_t nth = 1;

  Order() {
    const char* crash = std::getenv("SLUICE_CRASH_AT");
    const char* freeze = std::getenv("SLUICE_FREEZE_AT");
    if (crash == nullptr && freeze == nullptr) return;
    signal = crash != nullptr ? SIGKILL : SIGSTOP;
    point = crash != nullptr ? crash : freeze;
    if (const size_t colon = point.find(':'); colon != std::string_view::npos) {
      nth = std::atoll(point.data() + colon + 1);
      point = point.substr(0, colon);
    }
    if (std::find(std::begin(kPoints), std::end(kPoints), point) != std::end(kPoints)) return;
    std::fprintf(stderr, "there is no such fault point: %s\n", crash != nullptr ? crash : freeze);
    std::_Exit(2);
  }
};

/// Any thread.
inline void Arrive(std::string_view point) {
  static const Order order;
  static std::atomic<int64_t> arrivals{0};
  // To this thread: sent to the process, another one may take it, and this one runs on for a while.
  if (point == order.point && ++arrivals == order.nth) raise(order.signal);
}

inline bool IsMade(std::string_view mistake) {
  static const char* const made = std::getenv("SLUICE_MISTAKE");
  return made != nullptr && made == mistake;
}

}  // namespace sluice::fault

#define SLUICE_FAULT_POINT(name)                                       \
  do {                                                                 \
    static_assert(sluice::fault::Lists(sluice::fault::kPoints, name)); \
    sluice::fault::Arrive(name);                                       \
  } while (false)
#define SLUICE_MISTAKE(name) \
  (sluice::fault::Lists(sluice::fault::kMistakes, name) && sluice::fault::IsMade(name))

#else

#define SLUICE_FAULT_POINT(name)                                       \
  do {                                                                 \
    static_assert(sluice::fault::Lists(sluice::fault::kPoints, name)); \
  } while (false)
#define SLUICE_MISTAKE(name) (sluice::fault::Lists(sluice::fault::kMistakes, name) && false)

#endif
