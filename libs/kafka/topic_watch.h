#pragma once
// Keeps asking the cluster what it knows of one topic, without ever waiting for the answer: whether
// Kafka answers, whether the topic is there, and which log it is. One thread calls it.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/admin.h"
#include "kafka/types.h"
#include "kafka/waker.h"

namespace sluice::kafka {

class TopicWatch {
 public:
  struct Answer {
    /// kNotFound: no such topic. kUnavailable: none has come yet.
    absl::StatusOr<TopicDescription> topic = absl::UnavailableError("kafka: no answer yet");
    uint64_t question = 0;  ///< it was true at some time after that question came up
    absl::Time answered_at = absl::InfinitePast();
  };

  /// `waker` (may be null) is signalled when an answer has come.
  static absl::StatusOr<std::unique_ptr<TopicWatch>> Create(const ClientConfig& config,
                                                            const std::string& topic, Waker* waker);
  virtual ~TopicWatch() = default;

  /// The last answer. Asks again every second, so it has to be called often; and at once when it is
  /// the answer to an earlier question. Questions are numbered by the caller, upwards.
  virtual const Answer& Poll(uint64_t question) = 0;
};

}  // namespace sluice::kafka
