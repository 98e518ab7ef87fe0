#include "kafka/producer.h"

#include <array>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/client_internal.h"
#include "kafka/statistics.h"

namespace sluice::kafka {
namespace {

using internal::Owned;

class RdKafkaProducer : public Producer {
 public:
  explicit RdKafkaProducer(Waker* waker) : waker_(waker != nullptr ? waker : &own_waker_) {}
  ~RdKafkaProducer() override;

  absl::Status Start(const ClientConfig& config, const Options& options);

  absl::Status FindTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status Send(OutgoingRecord record, uint64_t token) override;
  void Poll(absl::Duration timeout, std::vector<Delivery>* deliveries) override;
  size_t in_flight() const override { return in_flight_; }
  absl::Status BeginTransaction() override;
  absl::Status CommitTransaction(absl::Duration timeout) override;

 private:
  /// What is kept of a record until its delivery report. Recycled: a record costs no allocation
  /// here.
  struct Slot {
    uint64_t token = 0;
    std::shared_ptr<const void> owner;
    Slot* next_free = nullptr;
  };

  static void OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self);
  Slot* TakeSlot();
  void Release(Slot* slot);
  absl::StatusOr<rd_kafka_topic_t*> Topic(const std::string& name);
  bool Serve(std::vector<Delivery>* deliveries);

  Waker own_waker_;  // outlives the client
  Waker* waker_;
  std::deque<Slot> slots_;
  Slot* free_slots_ = nullptr;
  size_t in_flight_ = 0;
  std::vector<Delivery>* deliveries_ = nullptr;  // where OnDelivery appends, during Serve
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> queue_;
  std::map<std::string, Owned<rd_kafka_topic_t>, std::less<>> topics_;
  rd_kafka_topic_t* last_topic_ = nullptr;
  std::string last_topic_name_;
};

absl::Status RdKafkaProducer::Start(const ClientConfig& config, const Options& options) {
  const bool forever = options.delivery_timeout == absl::InfiniteDuration();
  const int timeout_ms = forever ? 0 : internal::ToTimeoutMs(options.delivery_timeout);
  const bool transactional = !options.transactional_id.empty();
  const bool ordered = options.idempotence || transactional;
  internal::Properties settings = {
      {"acks", "all"},
      {"partitioner", "murmur2_random"},
      {"linger.ms", absl::StrCat(absl::ToDoubleMilliseconds(options.linger))},
      {"message.timeout.ms", absl::StrCat(timeout_ms)},
      {"request.timeout.ms", absl::StrCat(forever ? 30000 : timeout_ms)},
      {"enable.idempotence", ordered ? "true" : "false"},
      {"max.in.flight", ordered ? "5" : "1000000"},
      {"message.max.bytes", "268435456"},  // the topic's limit is the one that counts
      {"batch.num.messages", "100000"},
      {"queue.buffering.max.kbytes", absl::StrCat(options.queue_kbytes)},
      {"queue.buffering.max.messages", "2000000"},
  };
  if (transactional) {
    settings["transactional.id"] = options.transactional_id;
    settings["transaction.timeout.ms"] = absl::StrCat(timeout_ms);
  }
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf,
                          internal::MakeConf(config, std::move(settings)));
  rd_kafka_conf_set_opaque(conf.get(), this);
  internal::CountStatistics(conf.get(), internal::Role::kProducer);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &RdKafkaProducer::OnDelivery);
  SLUICE_ASSIGN_OR_RETURN(client_, internal::NewClient(RD_KAFKA_PRODUCER, std::move(conf)));
  queue_.reset(rd_kafka_queue_get_main(client_.get()));
  internal::SignalOn(queue_.get(), waker_);
  if (!transactional) return absl::OkStatus();
  return internal::ToStatus(rd_kafka_init_transactions(client_.get(), timeout_ms));
}

absl::Status RdKafkaProducer::BeginTransaction() {
  return internal::ToStatus(rd_kafka_begin_transaction(client_.get()));
}

absl::Status RdKafkaProducer::CommitTransaction(absl::Duration timeout) {
  return internal::ToStatus(
      rd_kafka_commit_transaction(client_.get(), internal::ToTimeoutMs(timeout)));
}

RdKafkaProducer::~RdKafkaProducer() {
  if (client_ == nullptr) return;
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);  // the waker may go before us
  // Payloads without copy must stay until librdkafka lets go of them, and their reports be served.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), 1000);
  topics_.clear();
  queue_.reset();
  client_.reset();
}

RdKafkaProducer::Slot* RdKafkaProducer::TakeSlot() {
  if (free_slots_ == nullptr) return &slots_.emplace_back();
  Slot* slot = free_slots_;
  free_slots_ = slot->next_free;
  return slot;
}

void RdKafkaProducer::Release(Slot* slot) {
  slot->owner.reset();
  slot->next_free = free_slots_;
  free_slots_ = slot;
}

absl::StatusOr<rd_kafka_topic_t*> RdKafkaProducer::Topic(const std::string& name) {
  if (last_topic_ != nullptr && name == last_topic_name_) return last_topic_;
  auto found = topics_.find(name);
  if (found == topics_.end()) {
    Owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
    if (topic == nullptr) return internal::ToStatus(rd_kafka_last_error(), name);
    found = topics_.emplace(name, std::move(topic)).first;
  }
  last_topic_ = found->second.get();
  last_topic_name_ = name;
  return last_topic_;
}

absl::Status RdKafkaProducer::FindTopic(const std::string& topic, absl::Duration timeout) {
  SLUICE_RETURN_IF_ERROR(Topic(topic).status());  // kept, and the answer with it
  return internal::FindTopic(client_.get(), topic, timeout);
}

absl::Status RdKafkaProducer::Send(OutgoingRecord record, uint64_t token) {
  SLUICE_ASSIGN_OR_RETURN(rd_kafka_topic_t * topic, Topic(record.partition.topic));
  std::array<rd_kafka_vu_t, 7> arguments;
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    arguments[count].vtype = type;
    return arguments[count++];
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 =
      record.partition.partition < 0 ? RD_KAFKA_PARTITION_UA : record.partition.partition;
  if (record.key.has_value()) {
    rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
    // An empty key is not a null key: librdkafka tells them by the pointer.
    key.u.mem.ptr = const_cast<char*>(record.key->data() != nullptr ? record.key->data() : "");
    key.u.mem.size = record.key->size();
  }
  if (record.value.has_value()) {
    rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
    const std::string_view bytes = record.value->bytes;
    value.u.mem.ptr = const_cast<char*>(bytes.data() != nullptr ? bytes.data() : "");
    value.u.mem.size = bytes.size();
  }
  if (record.timestamp_ms != 0) add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = record.timestamp_ms;
  Owned<rd_kafka_headers_t> headers;
  if (!record.headers.empty()) {
    headers.reset(rd_kafka_headers_new(record.headers.size()));
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                          value.data(), static_cast<ssize_t>(value.size()));
    }
    add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  }
  Slot* slot = TakeSlot();
  slot->token = token;
  if (record.value.has_value()) slot->owner = std::move(record.value->owner);
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = slot;
  Owned<rd_kafka_error_t> error(rd_kafka_produceva(client_.get(), arguments.data(), count));
  if (error != nullptr) {
    Release(slot);
    return internal::ToStatus(error.release());
  }
  headers.release();  // librdkafka's now
  ++in_flight_;
  return absl::OkStatus();
}

void RdKafkaProducer::OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* self = static_cast<RdKafkaProducer*>(opaque);
  Slot* slot = static_cast<Slot*>(message->_private);
  --self->in_flight_;
  if (self->deliveries_ != nullptr) {
    Delivery& delivery = self->deliveries_->emplace_back();
    delivery.partition = {rd_kafka_topic_name(message->rkt), message->partition};
    delivery.token = slot->token;
    delivery.status = internal::ToStatus(message->err);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) delivery.offset = message->offset;
  }
  self->Release(slot);
}

bool RdKafkaProducer::Serve(std::vector<Delivery>* deliveries) {
  const size_t before = deliveries->size();
  deliveries_ = deliveries;
  rd_kafka_poll(client_.get(), 0);
  deliveries_ = nullptr;
  return deliveries->size() > before;
}

void RdKafkaProducer::Poll(absl::Duration timeout, std::vector<Delivery>* deliveries) {
  if (Serve(deliveries) || timeout <= absl::ZeroDuration()) return;
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    waker_->Wait(left);
    // A shared waker may have been signalled for another client, whose turn it is then.
    if (Serve(deliveries) || waker_ != &own_waker_) return;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::Create(const ClientConfig& config,
                                                           const Options& options, Waker* waker) {
  auto producer = std::make_unique<RdKafkaProducer>(waker);
  SLUICE_RETURN_IF_ERROR(producer->Start(config, options));
  return producer;
}

absl::Status SendOne(const ClientConfig& config, OutgoingRecord record, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Producer> producer,
                          Producer::Create(config, {}, nullptr));
  SLUICE_RETURN_IF_ERROR(producer->FindTopic(record.partition.topic, timeout));
  SLUICE_RETURN_IF_ERROR(producer->Send(std::move(record), 0));
  std::vector<Delivery> deliveries;
  while (deliveries.empty() && absl::Now() < deadline)
    producer->Poll(absl::Milliseconds(50), &deliveries);
  if (deliveries.empty()) return absl::UnavailableError("a record was not acknowledged in time");
  return deliveries[0].status;
}

}  // namespace sluice::kafka
