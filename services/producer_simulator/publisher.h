#pragma once
// The entrance for records from outside: checks them, names them, and puts them into the spool.

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "metrics/metrics.h"
#include "producer_simulator/spool.h"

namespace sluice::producer_simulator {

struct OutsideRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<int32_t> partition;
  std::string id;  ///< empty: one is made
  std::map<std::string, std::string> headers;
};

/// Any thread.
class Publisher {
 public:
  static constexpr size_t kMaxRecords = 10'000;
  static constexpr size_t kRememberedIds = 65'536;

  Publisher(Spool* spool, metrics::Counter accepted) : spool_(spool), accepted_(accepted) {}

  /// What the topic takes. Nothing is accepted before this is known.
  void Open(const std::string& run_id, int32_t partitions, int64_t max_message_bytes);
  /// The ids that are still in the spool, so that a client's repetition is recognised after a
  /// restart.
  absl::Status RememberSpooled();

  /// All are durable when OK, in the order given; else none is. Returns their ids.
  /// kInvalidArgument, kResourceExhausted, kUnavailable as in
  /// proto/sluice/admin/v1/simulator.proto.
  absl::StatusOr<std::vector<std::string>> Publish(std::vector<OutsideRecord> records);

 private:
  absl::Status Check(const OutsideRecord& record) const;
  void Remember(const std::string& id);  // mutex_ held

  Spool* const spool_;
  const metrics::Counter accepted_;
  mutable std::mutex mutex_;
  std::string run_id_;  // empty: not open yet
  int32_t partitions_ = 0;
  int64_t max_message_bytes_ = 0;
  absl::flat_hash_set<std::string> storing_;  // ids of calls under way
  absl::flat_hash_set<std::string> known_;
  std::deque<std::string> known_order_;
};

}  // namespace sluice::producer_simulator
