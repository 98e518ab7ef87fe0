#pragma once
// Reads partitions from given offsets. It belongs to no group: who reads what is decided by
// GroupMember, where to go on by the caller. One thread calls it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/types.h"
#include "kafka/waker.h"

struct rd_kafka_message_s;

namespace sluice::kafka {

/// One record as it lies in the client's memory. Owns it; views are valid as long as the Message
/// lives. It must be gone before its Consumer (or Admin) is; any thread may drop it.
class Message {
 public:
  explicit Message(rd_kafka_message_s* raw) : raw_(raw) {}
  Message(Message&& other) noexcept : raw_(other.raw_) { other.raw_ = nullptr; }
  Message& operator=(Message&& other) noexcept;
  ~Message();

  int32_t partition() const;
  std::string_view topic() const;
  Offset offset() const;
  int64_t timestamp_ms() const;  ///< -1: none
  std::optional<std::string_view> key() const;
  std::optional<std::string_view> value() const;  ///< nullopt: a null value (tombstone)
  /// The last header of that name; nullopt when there is none (a null value reads as "").
  std::optional<std::string_view> Header(const char* name) const;

 private:
  rd_kafka_message_s* raw_;
};

/// Something a partition has to say that is not a record.
struct PartitionError {
  TopicPartition partition;
  absl::Status status;  ///< kDataLoss: offset out of range; kNotFound: topic or partition is gone;
                        ///< kUnavailable: passing
};

class Consumer {
 public:
  /// Tuning beyond ClientConfig. Defaults are for internal topics (few, large messages).
  struct Options {
    /// Above zero, for a topic of many small messages: the broker gathers for so long, or until
    /// there is what came in that time at about 10 MB/s, before it answers.
    absl::Duration gather = absl::ZeroDuration();
    int64_t queue_kbytes =
        4096;  ///< bound of what the client holds in memory, all partitions together
    bool read_committed = true;
  };

  /// `waker` (may be null) is signalled when messages arrive; it must outlive the consumer.
  static absl::StatusOr<std::unique_ptr<Consumer>> Create(const ClientConfig& config,
                                                          const Options& options, Waker* waker);
  virtual ~Consumer() = default;

  /// Read `partition` from `from` on (a numeric offset). Replaces an earlier position of the same
  /// partition.
  virtual absl::Status Start(const TopicPartition& partition, Offset from) = 0;
  /// Stop reading it; what was fetched is dropped. No-op when it is not read.
  virtual absl::Status Stop(const TopicPartition& partition) = 0;
  /// Append up to `max` messages that have already arrived to `messages`, waiting at most `timeout`
  /// for the first. Messages of one partition come in offset order. Errors of partitions go to
  /// `errors`.
  virtual void Poll(size_t max, absl::Duration timeout, std::vector<Message>* messages,
                    std::vector<PartitionError>* errors) = 0;
  /// How often it may have become doubtful which log a topic's name stands for: counted when the
  /// client learns of its topics anew, and when it has not fetched for a while. A topic that is
  /// recreated meanwhile is read on at the same offset, which is another record there. What Poll
  /// has given is of the log that a TopicWatch finds when it is asked after that count.
  virtual uint64_t doubts() const = 0;
  /// Where the broker's end of `partition` is as last seen by fetches (exclusive; transactions that
  /// are still open count), -1 when unknown. No request is made.
  virtual Offset CachedEnd(const TopicPartition& partition) const = 0;
};

}  // namespace sluice::kafka
