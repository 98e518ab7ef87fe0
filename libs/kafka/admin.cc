#include "kafka/admin.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/client_internal.h"
#include "kafka/topic_description.h"

namespace sluice::kafka {
namespace {

using internal::Owned;

Owned<rd_kafka_topic_partition_list_t> ListOf(const TopicPartition& partition, Offset offset) {
  Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = offset;
  return list;
}

/// The one topic's error in the result of CreateTopics, DeleteTopics or CreatePartitions.
absl::Status ErrorOf(const rd_kafka_topic_result_t** topics, size_t count) {
  if (count != 1) return absl::InternalError("kafka: a result for one topic was expected");
  const char* text = rd_kafka_topic_result_error_string(topics[0]);
  return internal::ToStatus(rd_kafka_topic_result_error(topics[0]), text == nullptr ? "" : text);
}

class RdKafkaAdmin : public Admin {
 public:
  explicit RdKafkaAdmin(ClientConfig config) : config_(std::move(config)) {}

  absl::Status Start();

  absl::StatusOr<TopicDescription> Describe(const std::string& topic,
                                            absl::Duration timeout) override;
  absl::StatusOr<std::vector<std::string>> ListTopics(absl::Duration timeout) override;
  absl::Status CreateTopic(const std::string& topic, int32_t partitions, int replication,
                           const std::map<std::string, std::string>& config,
                           absl::Duration timeout) override;
  absl::Status GrowTopic(const std::string& topic, int32_t partitions,
                         absl::Duration timeout) override;
  absl::Status DeleteTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status DeleteRecords(const TopicPartition& partition, Offset before,
                             absl::Duration timeout) override;
  absl::StatusOr<Watermarks> QueryWatermarks(const TopicPartition& partition,
                                             absl::Duration timeout) override;
  absl::StatusOr<std::string> TopicConfig(const std::string& topic, const std::string& key,
                                          absl::Duration timeout) override;
  absl::StatusOr<std::optional<OffsetAndMetadata>> CommittedOffset(const std::string& group,
                                                                   const TopicPartition& partition,
                                                                   absl::Duration timeout) override;
  absl::StatusOr<std::vector<Message>> Read(const TopicPartition& partition, Offset from,
                                            size_t max, absl::Duration timeout) override;

 private:
  /// After an answer that never came: a client that lived through a broker's absence may wait for
  /// it for ever, while a new one is answered at once. Messages of Read must not be alive then, as
  /// the header asks.
  absl::Status RenewIfStale() { return stale_ ? Start() : absl::OkStatus(); }
  absl::Status Noted(absl::Status status) {
    stale_ = stale_ || absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
    return status;
  }

  using Request = std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;
  /// Send an admin request and wait for its result, which is never null when OK.
  absl::StatusOr<Owned<rd_kafka_event_t>> Ask(absl::Duration timeout, const Request& request);
  /// Wait until the brokers agree that `topic` has `partitions` partitions.
  absl::Status AwaitPartitions(const std::string& topic, int32_t partitions, absl::Time deadline);
  /// One attempt of Read. kDataLoss: `from` is outside of the log.
  absl::Status ReadFrom(const TopicPartition& partition, Offset from, size_t max,
                        absl::Time deadline, std::vector<Message>* messages);

  /// Make `group_client_` one of `group`, which it never joins. librdkafka's own
  /// ListConsumerGroupOffsets aborts the process when the connection to the group's coordinator
  /// breaks in the wrong moment (confluentinc/librdkafka#4605, open in 2.16); the question of a
  /// consumer does not.
  absl::Status UseGroup(const std::string& group);

  const ClientConfig config_;
  bool stale_ = false;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> results_;
  Owned<rd_kafka_queue_t> messages_;
  std::string group_;
  Owned<rd_kafka_t> group_client_;
};

absl::Status RdKafkaAdmin::Start() {
  stale_ = true;  // until a client is there
  results_.reset();
  messages_.reset();
  client_.reset();
  internal::Properties settings = internal::ConsumerSettings();
  settings["enable.partition.eof"] = "true";
  settings["fetch.wait.max.ms"] = "1";  // the end of a log is told by an empty answer
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf,
                          internal::MakeConf(config_, std::move(settings)));
  SLUICE_ASSIGN_OR_RETURN(client_, internal::NewClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(client_.get());
  results_.reset(rd_kafka_queue_new(client_.get()));
  messages_.reset(rd_kafka_queue_get_consumer(client_.get()));
  stale_ = false;
  return absl::OkStatus();
}

absl::StatusOr<Owned<rd_kafka_event_t>> RdKafkaAdmin::Ask(absl::Duration timeout,
                                                          const Request& request) {
  SLUICE_RETURN_IF_ERROR(RenewIfStale());
  const Owned<rd_kafka_AdminOptions_t> options = internal::RequestOptions(client_.get(), timeout);
  // A queue of its own: a late answer to an earlier question must not be taken for this one's.
  results_.reset(rd_kafka_queue_new(client_.get()));
  request(options.get(), results_.get());
  Owned<rd_kafka_event_t> event(
      rd_kafka_queue_poll(results_.get(), internal::ToTimeoutMs(timeout + absl::Seconds(1))));
  if (event == nullptr)
    return Noted(absl::DeadlineExceededError("kafka: no answer from the cluster"));
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get())) {
    const char* text = rd_kafka_event_error_string(event.get());
    return Noted(internal::ToStatus(error, text == nullptr ? "" : text));
  }
  return event;
}

absl::StatusOr<TopicDescription> RdKafkaAdmin::Describe(const std::string& topic,
                                                        absl::Duration timeout) {
  absl::StatusOr<Owned<rd_kafka_event_t>> event = Ask(timeout, [&](auto* options, auto* queue) {
    internal::DescribeTopic(client_.get(), topic, options, queue);
  });
  if (!event.ok()) return Annotate(event.status(), topic);
  return internal::DescriptionOf(event->get(), topic);
}

absl::StatusOr<std::vector<std::string>> RdKafkaAdmin::ListTopics(absl::Duration timeout) {
  const rd_kafka_metadata_t* metadata = nullptr;
  SLUICE_RETURN_IF_ERROR(internal::ToStatus(rd_kafka_metadata(
      client_.get(), /*all_topics=*/1, nullptr, &metadata, internal::ToTimeoutMs(timeout))));
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) names.emplace_back(metadata->topics[i].topic);
  rd_kafka_metadata_destroy(metadata);
  return names;
}

absl::Status RdKafkaAdmin::CreateTopic(const std::string& topic, int32_t partitions,
                                       int replication,
                                       const std::map<std::string, std::string>& config,
                                       absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  char reason[256];
  rd_kafka_NewTopic_t* request =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replication, reason, sizeof(reason));
  if (request == nullptr) return absl::InvalidArgumentError(absl::StrCat(topic, ": ", reason));
  for (const auto& [key, value] : config) {
    rd_kafka_NewTopic_set_config(request, key.c_str(), value.c_str());
  }
  absl::StatusOr<Owned<rd_kafka_event_t>> event = Ask(timeout, [&](auto* options, auto* queue) {
    rd_kafka_CreateTopics(client_.get(), &request, 1, options, queue);
  });
  rd_kafka_NewTopic_destroy(request);
  if (!event.ok()) return Annotate(event.status(), topic);
  size_t count = 0;
  const rd_kafka_topic_result_t** topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  if (count == 1 &&
      rd_kafka_topic_result_error(topics[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return absl::OkStatus();
  }
  SLUICE_RETURN_IF_ERROR(Annotate(ErrorOf(topics, count), topic));
  return AwaitPartitions(topic, partitions, deadline);
}

absl::Status RdKafkaAdmin::GrowTopic(const std::string& topic, int32_t partitions,
                                     absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  SLUICE_ASSIGN_OR_RETURN(const TopicDescription today, Describe(topic, timeout));
  if (today.partitions >= partitions) return absl::OkStatus();
  char reason[256];
  rd_kafka_NewPartitions_t* request = rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<size_t>(partitions), reason, sizeof(reason));
  if (request == nullptr) return absl::InvalidArgumentError(absl::StrCat(topic, ": ", reason));
  absl::StatusOr<Owned<rd_kafka_event_t>> event =
      Ask(deadline - absl::Now(), [&](auto* options, auto* queue) {
        rd_kafka_CreatePartitions(client_.get(), &request, 1, options, queue);
      });
  rd_kafka_NewPartitions_destroy(request);
  if (!event.ok()) return Annotate(event.status(), topic);
  size_t count = 0;
  const rd_kafka_topic_result_t** topics = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event->get()), &count);
  // Somebody else may have grown it meanwhile.
  if (count != 1 ||
      rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_INVALID_PARTITIONS) {
    SLUICE_RETURN_IF_ERROR(Annotate(ErrorOf(topics, count), topic));
  }
  return AwaitPartitions(topic, partitions, deadline);
}

absl::Status RdKafkaAdmin::AwaitPartitions(const std::string& topic, int32_t partitions,
                                           absl::Time deadline) {
  while (true) {
    const absl::StatusOr<TopicDescription> today = Describe(topic, deadline - absl::Now());
    if (today.ok() && today->partitions >= partitions) return absl::OkStatus();
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("kafka: ", topic, " does not show its ", partitions, " partitions yet"));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
}

absl::Status RdKafkaAdmin::DeleteTopic(const std::string& topic, absl::Duration timeout) {
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
  absl::StatusOr<Owned<rd_kafka_event_t>> event = Ask(timeout, [&](auto* options, auto* queue) {
    rd_kafka_DeleteTopics(client_.get(), &request, 1, options, queue);
  });
  rd_kafka_DeleteTopic_destroy(request);
  if (!event.ok()) return Annotate(event.status(), topic);
  size_t count = 0;
  const rd_kafka_topic_result_t** topics =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event->get()), &count);
  return Annotate(ErrorOf(topics, count), topic);
}

absl::Status RdKafkaAdmin::DeleteRecords(const TopicPartition& partition, Offset before,
                                         absl::Duration timeout) {
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(ListOf(partition, before).get());
  absl::StatusOr<Owned<rd_kafka_event_t>> event = Ask(timeout, [&](auto* options, auto* queue) {
    rd_kafka_DeleteRecords(client_.get(), &request, 1, options, queue);
  });
  rd_kafka_DeleteRecords_destroy(request);
  if (!event.ok()) return Annotate(event.status(), partition.ToString());
  const rd_kafka_topic_partition_list_t* results =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  return Annotate(internal::ToStatus(results->elems[0].err), partition.ToString());
}

absl::StatusOr<Watermarks> RdKafkaAdmin::QueryWatermarks(const TopicPartition& partition,
                                                         absl::Duration timeout) {
  SLUICE_RETURN_IF_ERROR(RenewIfStale());
  const absl::Time deadline = absl::Now() + timeout;
  Watermarks watermarks;
  const auto query = [&] {
    return internal::ToStatus(rd_kafka_query_watermark_offsets(
        client_.get(), partition.topic.c_str(), partition.partition, &watermarks.begin,
        &watermarks.end, internal::ToTimeoutMs(deadline - absl::Now())));
  };
  absl::Status status = query();
  if (absl::IsNotFound(status)) {
    // The client answers from its memory, which may be older than the partition.
    SLUICE_RETURN_IF_ERROR(
        internal::FindTopic(client_.get(), partition.topic, deadline - absl::Now()));
    status = query();
  }
  // A topic just made, or a leader that moves: a matter of moments.
  while (absl::IsUnavailable(status) && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
    status = query();
  }
  if (!status.ok()) return Annotate(Noted(status), partition.ToString());
  return watermarks;
}

absl::StatusOr<std::string> RdKafkaAdmin::TopicConfig(const std::string& topic,
                                                      const std::string& key,
                                                      absl::Duration timeout) {
  rd_kafka_ConfigResource_t* request =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  absl::StatusOr<Owned<rd_kafka_event_t>> event = Ask(timeout, [&](auto* options, auto* queue) {
    rd_kafka_DescribeConfigs(client_.get(), &request, 1, options, queue);
  });
  rd_kafka_ConfigResource_destroy(request);
  if (!event.ok()) return Annotate(event.status(), topic);
  size_t count = 0;
  const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return absl::InternalError("kafka: one topic's configuration was expected");
  SLUICE_RETURN_IF_ERROR(
      Annotate(internal::ToStatus(rd_kafka_ConfigResource_error(resources[0])), topic));
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  for (size_t i = 0; i < count; ++i) {
    if (key != rd_kafka_ConfigEntry_name(entries[i])) continue;
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    return std::string(value == nullptr ? "" : value);
  }
  return absl::NotFoundError(absl::StrCat(topic, ": no such setting: ", key));
}

absl::StatusOr<std::optional<OffsetAndMetadata>> RdKafkaAdmin::CommittedOffset(
    const std::string& group, const TopicPartition& partition, absl::Duration timeout) {
  SLUICE_RETURN_IF_ERROR(UseGroup(group));
  const Owned<rd_kafka_topic_partition_list_t> list = ListOf(partition, RD_KAFKA_OFFSET_INVALID);
  const rd_kafka_topic_partition_t& entry = list->elems[0];
  absl::Status status = internal::ToStatus(
      rd_kafka_committed(group_client_.get(), list.get(), internal::ToTimeoutMs(timeout)));
  if (status.ok()) status = internal::ToStatus(entry.err);
  if (!status.ok()) {
    group_client_.reset();
    return Annotate(status, absl::StrCat(group, " ", partition.ToString()));
  }
  if (entry.offset < 0) return std::optional<OffsetAndMetadata>();
  return OffsetAndMetadata{
      entry.offset, std::string(static_cast<const char*>(entry.metadata), entry.metadata_size)};
}

absl::Status RdKafkaAdmin::UseGroup(const std::string& group) {
  if (group_client_ != nullptr && group_ == group) return absl::OkStatus();
  group_client_.reset();
  internal::Properties settings = internal::ConsumerSettings();
  settings["group.id"] = group_ = group;
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf,
                          internal::MakeConf(config_, std::move(settings)));
  SLUICE_ASSIGN_OR_RETURN(group_client_, internal::NewClient(RD_KAFKA_CONSUMER, std::move(conf)));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Message>> RdKafkaAdmin::Read(const TopicPartition& partition,
                                                        Offset from, size_t max,
                                                        absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::vector<Message> messages;
  // A second attempt for the case that retention takes `begin` away between question and fetch.
  for (int attempt = 0;; ++attempt) {
    SLUICE_ASSIGN_OR_RETURN(const Watermarks watermarks,
                            QueryWatermarks(partition, deadline - absl::Now()));
    if (max == 0 || from >= watermarks.end || watermarks.begin == watermarks.end) return messages;
    const absl::Status read =
        ReadFrom(partition, std::max(from, watermarks.begin), max, deadline, &messages);
    if (read.ok()) return messages;
    Noted(read).IgnoreError();
    if (!absl::IsDataLoss(read) || attempt > 0) return Annotate(read, partition.ToString());
    messages.clear();
  }
}

absl::Status RdKafkaAdmin::ReadFrom(const TopicPartition& partition, Offset from, size_t max,
                                    absl::Time deadline, std::vector<Message>* messages) {
  SLUICE_RETURN_IF_ERROR(internal::ToStatus(
      rd_kafka_incremental_assign(client_.get(), ListOf(partition, from).get())));
  absl::Status status = absl::DeadlineExceededError("kafka: the end of the log was not reached");
  while (messages->size() < max) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    rd_kafka_message_t* raw = nullptr;
    if (rd_kafka_consume_batch_queue(messages_.get(), internal::ToTimeoutMs(left), &raw, 1) != 1) {
      continue;
    }
    Message message(raw);
    if (raw->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      messages->push_back(std::move(message));
    } else if (raw->rkt != nullptr && raw->partition == partition.partition) {
      // The end is told by the broker: holes of transactions leave nothing to count to.
      if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        status = absl::OkStatus();
        break;
      }
      status = internal::ToStatus(raw->err);
      if (!IsRetryable(status)) break;
    }
  }
  if (messages->size() == max) status = absl::OkStatus();
  rd_kafka_incremental_unassign(client_.get(), ListOf(partition, RD_KAFKA_OFFSET_INVALID).get());
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Admin>> Admin::Create(const ClientConfig& config) {
  auto admin = std::make_unique<RdKafkaAdmin>(config);
  SLUICE_RETURN_IF_ERROR(admin->Start());
  return admin;
}

}  // namespace sluice::kafka
