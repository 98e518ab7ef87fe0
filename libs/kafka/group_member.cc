#include "kafka/group_member.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/client_internal.h"
#include "kafka/statistics.h"

namespace sluice::kafka {
namespace {

using internal::Owned;

// librdkafka's own assignment stays empty, so that it never fetches; the group's is only passed on.
class RdKafkaGroupMember : public GroupMember {
 public:
  RdKafkaGroupMember(std::string topic, Waker* waker) : topic_(std::move(topic)), waker_(waker) {}
  ~RdKafkaGroupMember() override { Leave(absl::ZeroDuration()); }

  absl::Status Start(const ClientConfig& config, const std::string& group,
                     const std::string& instance_id);

  std::optional<std::vector<int32_t>> Poll() override;
  void Commit(const std::map<int32_t, OffsetAndMetadata>& next) override;
  void Leave(absl::Duration timeout) override;

 private:
  static void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                          rd_kafka_topic_partition_list_t* partitions, void* self);
  void Serve(int timeout_ms);

  const std::string topic_;
  Waker* const waker_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> queue_;
  std::vector<int32_t> assigned_;
  bool changed_ = false;
};

absl::Status RdKafkaGroupMember::Start(const ClientConfig& config, const std::string& group,
                                       const std::string& instance_id) {
  internal::Properties settings = internal::ConsumerSettings();
  settings["group.id"] = group;
  settings["partition.assignment.strategy"] = "range";
  settings["session.timeout.ms"] = "10000";
  settings["heartbeat.interval.ms"] = "500";  // how soon a member learns of a rebalance
  settings["max.poll.interval.ms"] = "300000";
  ClientConfig named = config;
  if (!instance_id.empty()) named.client_id = instance_id;
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf,
                          internal::MakeConf(named, std::move(settings)));
  rd_kafka_conf_set_opaque(conf.get(), this);
  internal::CountStatistics(conf.get(), internal::Role::kGroupMember);
  rd_kafka_conf_set_rebalance_cb(conf.get(), &RdKafkaGroupMember::OnRebalance);
  SLUICE_ASSIGN_OR_RETURN(client_, internal::NewClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(client_.get());
  queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  internal::SignalOn(queue_.get(), waker_);
  Owned<rd_kafka_topic_partition_list_t> topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), topic_.c_str(), RD_KAFKA_PARTITION_UA);
  return internal::ToStatus(rd_kafka_subscribe(client_.get(), topics.get()), topic_);
}

void RdKafkaGroupMember::OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                                     rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* self = static_cast<RdKafkaGroupMember*>(opaque);
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    self->assigned_.clear();
    for (int i = 0; i < partitions->cnt; ++i) {
      if (self->topic_ == partitions->elems[i].topic) {
        self->assigned_.push_back(partitions->elems[i].partition);
      }
    }
    self->changed_ = true;
    Owned<rd_kafka_topic_partition_list_t> nothing(rd_kafka_topic_partition_list_new(0));
    rd_kafka_assign(client, nothing.get());
    return;
  }
  // An eager group takes everything from everybody before it deals anew, and most come back.
  // Working on until the new hand is known costs nothing (a new owner fences us) and spares a
  // restart of every partition. Only who was thrown out of the group lets go at once.
  if (rd_kafka_assignment_lost(client) != 0) {
    self->changed_ = self->changed_ || !self->assigned_.empty();
    self->assigned_.clear();
  }
  rd_kafka_assign(client, nullptr);
}

void RdKafkaGroupMember::Serve(int timeout_ms) {
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), timeout_ms)) {
    rd_kafka_message_destroy(message);  // only ever an error; they are logged
    timeout_ms = 0;
  }
}

std::optional<std::vector<int32_t>> RdKafkaGroupMember::Poll() {
  if (client_ != nullptr) Serve(0);
  if (!std::exchange(changed_, false)) return std::nullopt;
  return assigned_;
}

void RdKafkaGroupMember::Commit(const std::map<int32_t, OffsetAndMetadata>& next) {
  if (client_ == nullptr || next.empty()) return;
  Owned<rd_kafka_topic_partition_list_t> offsets(
      rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
  for (const auto& [partition, position] : next) {
    rd_kafka_topic_partition_t* entry =
        rd_kafka_topic_partition_list_add(offsets.get(), topic_.c_str(), partition);
    entry->offset = position.offset;
    if (position.metadata.empty()) continue;
    entry->metadata = strdup(position.metadata.c_str());  // the list frees it
    entry->metadata_size = position.metadata.size();
  }
  rd_kafka_commit(client_.get(), offsets.get(), /*async=*/1);
}

void RdKafkaGroupMember::Leave(absl::Duration timeout) {
  if (client_ == nullptr) return;
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);  // the waker may go before us
  if (timeout > absl::ZeroDuration()) {
    const absl::Time deadline = absl::Now() + timeout;
    Owned<rd_kafka_queue_t> closing(rd_kafka_queue_new(client_.get()));
    Owned<rd_kafka_error_t> error(rd_kafka_consumer_close_queue(client_.get(), closing.get()));
    while (error == nullptr && rd_kafka_consumer_closed(client_.get()) == 0 &&
           absl::Now() < deadline) {
      if (Owned<rd_kafka_event_t> event{rd_kafka_queue_poll(closing.get(), 20)}; event != nullptr) {
        if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
          rd_kafka_assign(client_.get(), nullptr);
        }
      }
    }
  }
  queue_.reset();
  client_.reset();
  changed_ = changed_ || !assigned_.empty();
  assigned_.clear();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupMember>> GroupMember::Join(const ClientConfig& config,
                                                               const std::string& group,
                                                               const std::string& topic,
                                                               const std::string& instance_id,
                                                               Waker* waker) {
  auto member = std::make_unique<RdKafkaGroupMember>(topic, waker);
  SLUICE_RETURN_IF_ERROR(member->Start(config, group, instance_id));
  return member;
}

}  // namespace sluice::kafka
