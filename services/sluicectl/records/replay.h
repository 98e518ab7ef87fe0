#pragma once
// Produces source records again, each once: whoever repeats it, and wherever it was killed.
//
// What is to be sent is written into sluice.replays first, with the end of the partition at that
// moment. The records are sent in transactions of an id that belongs to the topic, so that
// beginning again ends what an earlier run has left half-sent: then a replay is in the log, where
// its header says what it is a replay of, or never will be. What was written down and not confirmed
// is looked for there before anything is sent.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "kafka/producer.h"
#include "postgres/connection.h"
#include "sluicectl/records/dead_letters.h"

namespace sluice::sluicectl {

inline constexpr char kReplayOfHeader[] = "sluice-replay-of";

/// A record to send again.
struct Replay {
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string> key, value;
  bool edited = false;  ///< `value` is not the original's
};

/// Coordinates -> source offset of the replay.
using ReplayOffsets = std::map<std::pair<int32_t, int64_t>, int64_t>;

/// One run. One thread; `admin` and `connection` outlive it.
class Replayer {
 public:
  /// Waits until no other run of this topic is going on, and until what an earlier one has left is
  /// over. kUnavailable when that does not happen in time.
  static absl::StatusOr<Replayer> Start(const contract::PipelineConfig& pipeline,
                                        const std::string& topic_id,
                                        const kafka::ClientConfig& kafka, kafka::Admin* admin,
                                        postgres::Connection* connection);

  /// Look for what earlier runs have written down and not confirmed, and confirm what is there.
  absl::Status FindSent();
  /// Send those of `replays` that are not confirmed yet. Call FindSent before. The answer has
  /// all of them.
  absl::StatusOr<ReplayOffsets> Send(const std::vector<Replay>& replays);

 private:
  Replayer(const contract::PipelineConfig& pipeline, std::string topic_id, kafka::Admin* admin,
           postgres::Connection* connection, std::unique_ptr<kafka::Producer> producer);

  absl::Status FindSentIn(int32_t partition, int64_t from);
  absl::StatusOr<std::vector<const Replay*>> WriteDown(const std::vector<Replay>& replays,
                                                       ReplayOffsets* known);
  absl::StatusOr<std::vector<int64_t>> SendInOne(const std::vector<const Replay*>& replays);
  absl::Status Confirm(int32_t partition, int64_t offset, int64_t replay_offset);
  std::string HeaderOf(int32_t partition, int64_t offset) const;

  const std::string topic_, topic_id_;
  kafka::Admin* admin_;
  postgres::Connection* connection_;
  std::unique_ptr<kafka::Producer> producer_;
};

}  // namespace sluice::sluicectl
