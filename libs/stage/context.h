#pragma once
// What the loop lends its worker.

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "kafka/types.h"
#include "kafka/waker.h"
#include "stage/stage_metrics.h"
#include "stage/tap_hub.h"

namespace sluice::stage {

/// Outlives the worker. All of it is for the loop's thread.
struct Context {
  contract::PipelineConfig pipeline;
  kafka::ClientConfig kafka;
  std::string stage;  ///< the stage's name, as in its topic or sink
  std::string instance_id;
  kafka::Admin* admin = nullptr;
  kafka::Waker* waker = nullptr;
  StageMetrics* metrics = nullptr;
  TapHub* taps = nullptr;
  /// Milliseconds since the epoch beyond which nothing is worth waiting for: set when the process
  /// is told to stop, by the shell's thread. Shared with what may outlive the loop's turn.
  std::shared_ptr<std::atomic<int64_t>> give_up_at_ms =
      std::make_shared<std::atomic<int64_t>>(std::numeric_limits<int64_t>::max());
  /// Read an open partition's input again, from that input offset on.
  std::function<absl::Status(int32_t partition, kafka::Offset from)> read_from;
};

}  // namespace sluice::stage
