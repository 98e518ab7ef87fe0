#pragma once
// Sends records and says what became of each. Not idempotent and not transactional unless asked to
// be: exactly-once comes from coverage. One thread calls it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/types.h"
#include "kafka/waker.h"

namespace sluice::kafka {

/// What became of one Send. A failure means "unknown": the broker may have stored it, may store it
/// still, or never.
struct Delivery {
  TopicPartition partition;
  uint64_t token = 0;   ///< the caller's, from Send
  absl::Status status;  ///< OK: acknowledged by all in-sync replicas. kOutOfRange: larger than the
                        ///< broker takes. kInvalidArgument: refused for good (its timestamp, ...).
                        ///< Else retryable
  Offset offset = -1;   ///< where it lies, when OK
};

struct OutgoingRecord {
  TopicPartition partition;             ///< partition -1: by key (murmur2, as Kafka's own clients)
  std::optional<std::string_view> key;  ///< copied
  std::optional<Payload> value;         ///< nullopt: null. Not copied: freed after the delivery
  Headers headers;
  int64_t timestamp_ms = 0;  ///< 0: now
};

class Producer {
 public:
  struct Options {
    absl::Duration linger = absl::ZeroDuration();
    absl::Duration delivery_timeout =
        absl::Seconds(10);  ///< looked at once a second; infinite: only final errors are reported
    bool idempotence = false;  ///< keeps order and avoids doubles for many small records in flight
    int64_t queue_kbytes = 65536;  ///< bound of what waits in memory
    /// Not empty: every record is sent in a transaction of this id. Create then waits until what an
    /// earlier holder of the id has left open is over: visible as a whole, or never.
    std::string transactional_id;
  };
  static absl::StatusOr<std::unique_ptr<Producer>> Create(const ClientConfig& config,
                                                          const Options& options, Waker* waker);
  virtual ~Producer() = default;  ///< drops what is in flight, bounded to about a second

  /// Find out where the partitions of `topic` are, and connect. Not needed, but saves the first
  /// record up to a second: librdkafka looks for what it did not find at once only that often.
  virtual absl::Status FindTopic(const std::string& topic, absl::Duration timeout) = 0;

  /// Queue a record. kUnavailable when the queue is full (poll, then try again), kOutOfRange when
  /// it is too large for this client, kInternal when this producer is of no use any more: make
  /// another.
  virtual absl::Status Send(OutgoingRecord record, uint64_t token) = 0;
  /// Append what became known since the last call.
  virtual void Poll(absl::Duration timeout, std::vector<Delivery>* deliveries) = 0;
  /// Records sent and not yet reported by Poll.
  virtual size_t in_flight() const = 0;

  /// With `transactional_id` only. Records sent between the two become visible together, or not at
  /// all. After any error this producer is of no use any more, and whether they are visible is
  /// known after the next Create of the id.
  virtual absl::Status BeginTransaction() { return NotTransactional(); }
  virtual absl::Status CommitTransaction(absl::Duration timeout) { return NotTransactional(); }

 private:
  static absl::Status NotTransactional() {
    return absl::FailedPreconditionError("this producer has no transactional id");
  }
};

/// Send one record with a producer of its own and wait until it is stored.
absl::Status SendOne(const ClientConfig& config, OutgoingRecord record, absl::Duration timeout);

}  // namespace sluice::kafka
