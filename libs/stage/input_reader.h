#pragma once
// The messages of the input topic's open partitions, of the log that their positions are about.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kafka/consumer.h"
#include "kafka/topic_watch.h"
#include "kafka/waker.h"
#include "stage/worker.h"

namespace sluice::stage {

/// A topic may have been recreated under the consumer, which then reads on at the same offset of
/// another log. So whenever that may have happened, what has been read waits until the topic's id
/// is known again. One thread; it never blocks.
class InputReader {
 public:
  /// `watch`, of the same topic, and `waker` must outlive the reader.
  InputReader(std::string topic, std::unique_ptr<kafka::Consumer> consumer,
              kafka::TopicWatch* watch, kafka::Waker* waker);

  /// Read `partition` from `from` on; what was read of it before is dropped. `log`: id of the topic
  /// that its position is about; empty: its messages say so themselves.
  absl::Status Open(int32_t partition, kafka::Offset from, std::string log);
  /// Read an open partition from another offset on.
  absl::Status ReadFrom(int32_t partition, kafka::Offset from);
  /// Fetch no more of it. What has been read already is still given out.
  void StopFetching(int32_t partition);
  /// No-op when it is not open.
  void Close(int32_t partition);

  /// Replace `messages` by those that have arrived. After ReadFrom, a message may come twice.
  /// Partitions that have to be opened again, to find out what they have to say, are closed and get
  /// a fault.
  void Poll(std::vector<kafka::Message>* messages, std::vector<Fault>* faults);

  /// The end of an open partition as last seen (exclusive); -1: no fetch has been answered yet.
  kafka::Offset End(int32_t partition) const { return consumer_->CachedEnd({topic_, partition}); }

 private:
  struct Partition {
    kafka::Offset from = 0;  // earlier messages are stale
    std::string log;
  };
  void CloseWithFault(int32_t partition, std::string_view error, std::vector<Fault>* faults);
  void OnError(const kafka::PartitionError& error, std::vector<Fault>* faults);
  bool KnowsLog(std::vector<Fault>* faults);

  const std::string topic_;
  const std::unique_ptr<kafka::Consumer> consumer_;
  kafka::TopicWatch* const watch_;
  kafka::Waker* const waker_;
  std::map<int32_t, Partition> open_;
  std::vector<kafka::Message> read_;  // and perhaps waiting to be known as of the same log
  uint64_t certain_ = 0;              // the consumer's doubts that have been answered
};

}  // namespace sluice::stage
