#pragma once
// Live samples for the admin API. Costs one atomic load a batch while nobody listens.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "service/pipeline_control.h"

namespace sluice::stage {

/// Offer is for the loop's thread; Open and the streams are for any thread.
class TapHub {
 public:
  std::unique_ptr<service::TapStream> Open(const service::TapFilter& filter);
  /// Show a batch to whoever listens. Copies at most what their queues can take.
  void Offer(const arrow::RecordBatch& rows, const contract::Contract& contract, int32_t partition);

 private:
  class Stream;
  struct Subscription;
  void Remove(const std::shared_ptr<Subscription>& subscription);

  std::atomic<int> listeners_ = 0;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Subscription>>
      subscriptions_;  // shared with the stream that reads it
};

}  // namespace sluice::stage
