#pragma once
// What the clients of this library share: configuration, ownership and errors of librdkafka. Not
// for use outside libs/kafka.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/rdkafka_compat.h"
#include "kafka/types.h"
#include "kafka/waker.h"

namespace sluice::kafka::internal {

struct Deleter {
  void operator()(rd_kafka_conf_t* p) const { rd_kafka_conf_destroy(p); }
  void operator()(rd_kafka_queue_t* p) const { rd_kafka_queue_destroy(p); }
  void operator()(rd_kafka_topic_t* p) const { rd_kafka_topic_destroy(p); }
  void operator()(rd_kafka_event_t* p) const { rd_kafka_event_destroy(p); }
  void operator()(rd_kafka_error_t* p) const { rd_kafka_error_destroy(p); }
  void operator()(rd_kafka_topic_partition_list_t* p) const {
    rd_kafka_topic_partition_list_destroy(p);
  }
  void operator()(rd_kafka_AdminOptions_t* p) const { rd_kafka_AdminOptions_destroy(p); }
  void operator()(rd_kafka_headers_t* p) const { rd_kafka_headers_destroy(p); }
  // A consumer's close would wait for the group; who needs that (GroupMember) does it itself
  // before.
  void operator()(rd_kafka_t* p) const {
    rd_kafka_destroy_flags(p, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

/// librdkafka's property names and values.
using Properties = std::map<std::string, std::string>;

/// Our settings under the user's (`config.properties` win), as a configuration that logs through
/// base/log.h. kInvalidArgument names the property that librdkafka does not take.
absl::StatusOr<Owned<rd_kafka_conf_t>> MakeConf(const ClientConfig& config, Properties settings);

/// A client of that configuration (consumed in any case).
absl::StatusOr<Owned<rd_kafka_t>> NewClient(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf);

/// The settings of everything that consumes; see the tuning notes in README.md.
Properties ConsumerSettings();

/// OK for no error. The codes are those of base/status.h; an error nobody classified is passing
/// (kUnavailable).
absl::Status ToStatus(rd_kafka_resp_err_t error, std::string_view message = {});
/// Takes the error; OK when it is null.
absl::Status ToStatus(rd_kafka_error_t* error);

/// Ask a broker now where the topic's partitions are, and wait for the answer. librdkafka looks
/// again for what it did not find at once, or wanted to know before it was connected, only once a
/// second.
absl::Status FindTopic(rd_kafka_t* client, const std::string& topic, absl::Duration timeout);

/// Signal `waker` (may be null) whenever something is put into `queue`.
void SignalOn(rd_kafka_queue_t* queue, Waker* waker);

/// Whole milliseconds, rounded up, within what librdkafka takes.
int ToTimeoutMs(absl::Duration timeout);

}  // namespace sluice::kafka::internal
