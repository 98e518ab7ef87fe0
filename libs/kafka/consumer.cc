#include "kafka/consumer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/client_internal.h"

namespace sluice::kafka {

Message& Message::operator=(Message&& other) noexcept {
  std::swap(raw_, other.raw_);
  return *this;
}
Message::~Message() {
  if (raw_ != nullptr) rd_kafka_message_destroy(raw_);
}

int32_t Message::partition() const { return raw_->partition; }
std::string_view Message::topic() const { return rd_kafka_topic_name(raw_->rkt); }
Offset Message::offset() const { return raw_->offset; }

int64_t Message::timestamp_ms() const {
  rd_kafka_timestamp_type_t type;
  const int64_t timestamp = rd_kafka_message_timestamp(raw_, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp;
}

std::optional<std::string_view> Message::key() const {
  if (raw_->key == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(raw_->key), raw_->key_len);
}

std::optional<std::string_view> Message::value() const {
  if (raw_->payload == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(raw_->payload), raw_->len);
}

std::optional<std::string_view> Message::Header(const char* name) const {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw_, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(value), value == nullptr ? 0 : size);
}

namespace {

using internal::Owned;

constexpr absl::Duration kFindTimeout = absl::Seconds(1);
constexpr int64_t kGatherBytesIn5Ms = 64 << 10;
constexpr int64_t kGatherBytes = 1 << 20;

/// Counts what makes the log behind a topic's name doubtful. librdkafka follows a topic's name to
/// its new log without a word; but it has to learn of that by a metadata response or, from brokers
/// that serve fetches by name, between two fetches. Called by librdkafka's threads, before it reads
/// what has arrived.
class Doubts {
 public:
  uint64_t count() const { return count_; }

  /// `config` will count here; this must outlive its client.
  void Watch(rd_kafka_conf_t* config) {
    rd_kafka_conf_interceptor_add_on_new(config, kName, &Doubts::OnNew, this);
  }

 private:
  static constexpr char kName[] = "sluice-doubts";
  static constexpr int16_t kFetch = 1;
  static constexpr int16_t kMetadata = 3;
  // Fetches follow each other at once; a topic is not deleted and recreated between two of them.
  static constexpr int64_t kFetchPauseNs = 100'000'000;

  static rd_kafka_resp_err_t OnNew(rd_kafka_t* client, const rd_kafka_conf_t*, void* self, char*,
                                   size_t) {
    return rd_kafka_interceptor_add_on_response_received(client, kName, &Doubts::OnResponse, self);
  }

  static rd_kafka_resp_err_t OnResponse(rd_kafka_t*, int, const char*, int32_t, int16_t api,
                                        int16_t, int32_t, size_t, int64_t, rd_kafka_resp_err_t,
                                        void* opaque) {
    auto* self = static_cast<Doubts*>(opaque);
    if (api == kMetadata) ++self->count_;
    if (api == kFetch) {
      const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
      if (now - self->fetched_ns_.exchange(now) > kFetchPauseNs) ++self->count_;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  std::atomic<uint64_t> count_ = 1;  // nothing is certain at first
  std::atomic<int64_t> fetched_ns_ = 0;
};

class RdKafkaConsumer : public Consumer {
 public:
  RdKafkaConsumer(std::unique_ptr<Doubts> doubts, Owned<rd_kafka_t> client, Waker* waker)
      : doubts_(std::move(doubts)),
        client_(std::move(client)),
        queue_(rd_kafka_queue_get_consumer(client_.get())),
        waker_(waker != nullptr ? waker : &own_waker_) {
    internal::SignalOn(queue_.get(), waker_);
  }
  ~RdKafkaConsumer() override {
    rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);  // the waker may go before us
  }

  absl::Status Start(const TopicPartition& partition, Offset from) override;
  absl::Status Stop(const TopicPartition& partition) override;
  void Poll(size_t max, absl::Duration timeout, std::vector<Message>* messages,
            std::vector<PartitionError>* errors) override;
  uint64_t doubts() const override { return doubts_->count(); }
  Offset CachedEnd(const TopicPartition& partition) const override;

 private:
  /// What has arrived, without waiting. Whether there was anything.
  bool Take(size_t max, std::vector<Message>* messages, std::vector<PartitionError>* errors);

  Waker own_waker_;  // outlives the client, as
  const std::unique_ptr<Doubts> doubts_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> queue_;
  Waker* waker_;
  std::vector<TopicPartition> started_;
  std::set<std::string> known_topics_;
  std::vector<rd_kafka_message_t*> taken_;
};

Owned<rd_kafka_topic_partition_list_t> ListOf(const TopicPartition& partition, Offset offset) {
  Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = offset;
  return list;
}

absl::Status RdKafkaConsumer::Start(const TopicPartition& partition, Offset from) {
  if (from < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("reading starts at a numeric offset: ", partition.ToString(), " from ", from));
  }
  SLUICE_RETURN_IF_ERROR(Stop(partition));
  SLUICE_RETURN_IF_ERROR(Annotate(
      internal::ToStatus(rd_kafka_incremental_assign(client_.get(), ListOf(partition, from).get())),
      partition.ToString()));
  started_.push_back(partition);
  if (known_topics_.insert(partition.topic).second) {
    // Best effort: without an answer, fetching begins when the client finds the topic by itself.
    (void)internal::FindTopic(client_.get(), partition.topic, kFindTimeout);
  }
  return absl::OkStatus();
}

absl::Status RdKafkaConsumer::Stop(const TopicPartition& partition) {
  const auto found = std::find(started_.begin(), started_.end(), partition);
  if (found == started_.end()) return absl::OkStatus();
  // What was fetched for it lies behind a version barrier from now on: librdkafka drops it on the
  // way out.
  SLUICE_RETURN_IF_ERROR(
      Annotate(internal::ToStatus(rd_kafka_incremental_unassign(
                   client_.get(), ListOf(partition, RD_KAFKA_OFFSET_INVALID).get())),
               partition.ToString()));
  started_.erase(found);
  return absl::OkStatus();
}

void RdKafkaConsumer::Poll(size_t max, absl::Duration timeout, std::vector<Message>* messages,
                           std::vector<PartitionError>* errors) {
  if (Take(max, messages, errors) || timeout <= absl::ZeroDuration()) return;
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    waker_->Wait(left);
    // A shared waker may have been signalled for another client, whose turn it is then.
    if (Take(max, messages, errors) || waker_ != &own_waker_) return;
  }
}

bool RdKafkaConsumer::Take(size_t max, std::vector<Message>* messages,
                           std::vector<PartitionError>* errors) {
  if (taken_.size() < max) taken_.resize(max);
  const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, taken_.data(), max);
  // The queue signals when something is added, not while something is left.
  if (count == static_cast<ssize_t>(max)) waker_->Signal();
  for (ssize_t i = 0; i < count; ++i) {
    Message message(taken_[i]);
    const rd_kafka_message_t& raw = *taken_[i];
    if (raw.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      messages->push_back(std::move(message));
    } else if (raw.rkt != nullptr && raw.partition >= 0) {
      const char* text = rd_kafka_message_errstr(&raw);
      errors->push_back({{rd_kafka_topic_name(raw.rkt), raw.partition},
                         internal::ToStatus(raw.err, text == nullptr ? "" : text)});
    }
    // Else it concerns no partition (a broker is down, ...): logged, and retried by the client.
  }
  return count > 0;
}

Offset RdKafkaConsumer::CachedEnd(const TopicPartition& partition) const {
  int64_t begin = -1;
  int64_t end = -1;
  if (rd_kafka_get_watermark_offsets(client_.get(), partition.topic.c_str(), partition.partition,
                                     &begin, &end) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return -1;
  }
  return end < 0 ? -1 : end;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Create(const ClientConfig& config,
                                                           const Options& options, Waker* waker) {
  internal::Properties settings = internal::ConsumerSettings();
  settings["queued.max.messages.kbytes"] = absl::StrCat(options.queue_kbytes);
  settings["queued.min.messages"] = "1000000";  // the bound in bytes is the one that counts
  if (!options.read_committed) settings["isolation.level"] = "read_uncommitted";
  if (options.gather > absl::ZeroDuration()) {
    // A broker's cost is per request, not per record: let it gather for a moment.
    const int64_t wait_ms = std::clamp<int64_t>(options.gather / absl::Milliseconds(1), 1, 500);
    settings["fetch.wait.max.ms"] = absl::StrCat(wait_ms);
    settings["fetch.min.bytes"] =
        absl::StrCat(std::min(wait_ms * kGatherBytesIn5Ms / 5, kGatherBytes));
  }
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf,
                          internal::MakeConf(config, std::move(settings)));
  auto doubts = std::make_unique<Doubts>();
  doubts->Watch(conf.get());
  SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_t> client,
                          internal::NewClient(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(client.get());
  return std::make_unique<RdKafkaConsumer>(std::move(doubts), std::move(client), waker);
}

}  // namespace sluice::kafka
