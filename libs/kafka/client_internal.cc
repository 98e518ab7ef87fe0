#include "kafka/client_internal.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace sluice::kafka::internal {
namespace {

// Called by librdkafka's own threads, with syslog's levels. A broker that is down is reported at
// every attempt to reach it, hence the limiter.
void OnLog(const rd_kafka_t*, int level, const char* facility, const char* text) {
  static log::Limiter limiter(absl::Seconds(5));
  constexpr int kSyslogCritical = 2;
  constexpr int kSyslogWarning = 4;
  if (level <= kSyslogCritical) {
    log::Error("kafka client", {{"facility", facility}, {"text", text}});
  } else if (level <= kSyslogWarning) {
    limiter.Warn("kafka client", {{"facility", facility}, {"text", text}});
  } else {
    log::Debug("kafka client", {{"facility", facility}, {"text", text}});
  }
}

absl::StatusCode CodeOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return absl::StatusCode::kDeadlineExceeded;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return absl::StatusCode::kOutOfRange;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return absl::StatusCode::kNotFound;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return absl::StatusCode::kDataLoss;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
      return absl::StatusCode::kFailedPrecondition;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return absl::StatusCode::kInvalidArgument;
    case RD_KAFKA_RESP_ERR__FATAL:
      return absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::Status Set(rd_kafka_conf_t* conf, const std::string& key, const std::string& value) {
  char reason[512];
  if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), reason, sizeof(reason)) ==
      RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("kafka property ", key, ": ", reason));
}

}  // namespace

absl::StatusOr<Owned<rd_kafka_conf_t>> MakeConf(const ClientConfig& config, Properties settings) {
  settings["bootstrap.servers"] = config.bootstrap_servers;
  settings["client.id"] = config.client_id;
  settings.insert({
      {"socket.nagle.disable", "true"},
      {"socket.keepalive.enable", "true"},
      // While no broker is there, librdkafka (since 2.10) bootstraps anew as often as this: it
      // drops its connections and starts threads for new ones, whose backoffs begin at the
      // beginning.
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "500"},
      {"retry.backoff.ms", "20"},
      {"retry.backoff.max.ms", "500"},
      {"topic.metadata.refresh.interval.ms", "5000"},
      {"topic.metadata.refresh.fast.interval.ms", "50"},
      {"log.connection.close", "false"},
  });
  for (const auto& [key, value] : config.properties) settings[key] = value;
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), &OnLog);
  for (const auto& [key, value] : settings) {
    SLUICE_RETURN_IF_ERROR(Set(conf.get(), key, value));
  }
  return conf;
}

absl::StatusOr<Owned<rd_kafka_t>> NewClient(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf) {
  char reason[512];
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), reason, sizeof(reason));
  if (client == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("kafka client: ", reason));
  }
  conf.release();  // the client's now
  return Owned<rd_kafka_t>(client);
}

Properties ConsumerSettings() {
  return {
      // Never joined: librdkafka only assigns partitions to a client that has a group.
      {"group.id", "sluice.reader"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"check.crcs", "true"},
      {"allow.auto.create.topics", "false"},
      {"isolation.level", "read_committed"},
      {"fetch.wait.max.ms", "50"},
      {"fetch.queue.backoff.ms", "2"},
      {"fetch.error.backoff.ms", "50"},
      // The answer to a fetch is one allocation. Allocators give large ones back to the kernel at
      // once, and every fetch then pays for zeroed pages again: half of a reader's CPU. A message
      // that is larger than this still comes, alone.
      {"max.partition.fetch.bytes", "1048576"},
      {"fetch.max.bytes", "4194304"},
      {"receive.message.max.bytes", "268435456"},
  };
}

absl::Status ToStatus(rd_kafka_resp_err_t error, std::string_view message) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  std::string text = absl::StrCat("kafka: ", rd_kafka_err2str(error));
  if (!message.empty()) text.append(": ").append(message);
  return absl::Status(CodeOf(error), text);
}

absl::Status ToStatus(rd_kafka_error_t* error) {
  Owned<rd_kafka_error_t> owned(error);
  if (error == nullptr) return absl::OkStatus();
  return ToStatus(rd_kafka_error_code(error), rd_kafka_error_string(error));
}

absl::Status FindTopic(rd_kafka_t* client, const std::string& topic, absl::Duration timeout) {
  Owned<rd_kafka_topic_t> handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  if (handle == nullptr) return ToStatus(rd_kafka_last_error(), topic);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, /*all_topics=*/0, handle.get(), &metadata, ToTimeoutMs(timeout));
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  return Annotate(ToStatus(error), topic);
}

void SignalOn(rd_kafka_queue_t* queue, Waker* waker) {
  static constexpr uint64_t kOne = 1;
  if (waker != nullptr) rd_kafka_queue_io_event_enable(queue, waker->fd(), &kOne, sizeof(kOne));
}

int ToTimeoutMs(absl::Duration timeout) {
  const int64_t ms = absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(ms, 0, std::numeric_limits<int>::max() / 2));
}

}  // namespace sluice::kafka::internal
