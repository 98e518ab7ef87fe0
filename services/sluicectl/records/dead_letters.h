#pragma once
// Records that did not get where they should: refused by the database, corrupt, or failed; and what
// has become of their replay.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "postgres/connection.h"

namespace sluice::sluicectl {

/// One record, known by its coordinates in the source topic.
struct DeadLetter {
  int32_t partition = 0;
  int64_t offset = 0;
  /// "new"; "fixed": a new value is written down and not sent yet; "replayed": sent again, and not
  /// (yet) landed well; "resolved": the replay is in the clean table, or filtered; or what an
  /// operator has written into sluice.dead_letters: "resolved", "discarded".
  std::string state;
  std::string reason;  ///< SQLSTATE, the reason why it is corrupt, or the rules it breaks
  std::string message;
  std::string target;  ///< the table that refused it, or that it is in
  std::string verdict;
  std::string created_at;
  std::optional<int64_t> replay_offset;
  std::optional<std::string> edited;  ///< the value that a replay is to send instead
  // A copy for when the source has it no longer: of what the database refused, as JSON.
  std::optional<std::string> key, value;
};

struct LetterFilter {
  std::string from = "dead-letters";  ///< or "corrupt", "failed"
  std::string state;                  ///< empty: any
  bool open = false;                  ///< only new and fixed ones
  std::string reason;                 ///< how it begins; empty: any
  std::string rule;                   ///< that it breaks; empty: any
  std::optional<int32_t> partition;
  std::optional<int64_t> offset;
  std::string since, until;  ///< moments as PostgreSQL reads them; empty: any
  int64_t limit = 100;
};

/// By partition and offset. `topic_id`: of the source topic as it is now.
absl::StatusOr<std::vector<DeadLetter>> FindLetters(postgres::Connection& connection,
                                                    const contract::PipelineConfig& pipeline,
                                                    const std::string& topic_id,
                                                    const LetterFilter& filter);

}  // namespace sluice::sluicectl
