#pragma once
// Live samples for the admin API. Costs one atomic load and the comparison of a hash a batch while
// nobody listens.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "service/pipeline_control.h"

namespace sluice::stage {

/// Offer is for the loop's thread; the rest, and the streams, are for any thread.
class TapHub {
 public:
  /// kInvalidArgument: the filter names a rule or a column that the contract seen last does not
  /// have; kFailedPrecondition: it names one, and no contract was seen; kResourceExhausted: too
  /// many are open.
  absl::StatusOr<std::unique_ptr<service::TapStream>> Open(const service::TapFilter& filter);
  /// Whether a contract was seen, so that filters can name its rules.
  bool knows_contract() const;
  /// What rules and columns there are, until a batch says so.
  void Learn(const contract::Contract& contract);
  /// Show a batch to whoever listens. Copies at most what their queues can take.
  void Offer(const arrow::RecordBatch& rows, const contract::Contract& contract, int32_t partition);

 private:
  class Stream;
  struct Subscription;
  struct Names {
    std::vector<std::string> rules, columns;
  };
  absl::Status Check(const service::TapFilter& filter) const;
  void Remove(const std::shared_ptr<Subscription>& subscription);

  std::atomic<int> listeners_ = 0;
  std::optional<std::string>
      seen_hash_;  // of the contract that names_ is of; the loop's thread alone
  mutable std::mutex mutex_;
  std::optional<Names> names_;  // guarded by mutex_
  std::vector<std::shared_ptr<Subscription>>
      subscriptions_;  // guarded by mutex_; shared with the stream that reads it
};

}  // namespace sluice::stage
