#include "kafka/topic_watch.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/client_internal.h"
#include "kafka/topic_description.h"

namespace sluice::kafka {
namespace {

using internal::Owned;

constexpr absl::Duration kEvery = absl::Seconds(1);
constexpr absl::Duration kTimeout = absl::Seconds(5);

class RdKafkaTopicWatch : public TopicWatch {
 public:
  RdKafkaTopicWatch(ClientConfig config, std::string topic, Waker* waker)
      : config_(std::move(config)), topic_(std::move(topic)), waker_(waker) {}
  ~RdKafkaTopicWatch() override { Forget(); }

  absl::Status Start() {
    Forget();
    client_.reset();
    SLUICE_ASSIGN_OR_RETURN(Owned<rd_kafka_conf_t> conf, internal::MakeConf(config_, {}));
    SLUICE_ASSIGN_OR_RETURN(client_, internal::NewClient(RD_KAFKA_CONSUMER, std::move(conf)));
    return absl::OkStatus();
  }

  const Answer& Poll(uint64_t question) override {
    question_ = std::max(question_, question);
    if (answers_ != nullptr) TakeAnswer();
    const absl::Time now = absl::Now();
    const bool due = now >= ask_again_at_ || (asked_ < question_ && client_ != nullptr);
    if (answers_ == nullptr && due) Ask(now);
    return last_;
  }

 private:
  void Ask(absl::Time now) {
    asked_ = question_;
    ask_again_at_ = now + kEvery;
    // A client that lived through a broker's absence may wait for it for ever; a new one is
    // answered at once.
    if (client_ == nullptr && !Start().ok()) return;
    answers_.reset(rd_kafka_queue_new(client_.get()));
    internal::SignalOn(answers_.get(), waker_);
    const Owned<rd_kafka_AdminOptions_t> options =
        internal::RequestOptions(client_.get(), kTimeout);
    internal::DescribeTopic(client_.get(), topic_, options.get(), answers_.get());
  }

  void TakeAnswer() {
    const Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(answers_.get(), 0));
    if (event == nullptr) return;
    absl::StatusOr<TopicDescription> topic = internal::DescriptionOf(event.get(), topic_);
    Forget();
    if (topic.ok() || absl::IsNotFound(topic.status())) {
      last_ = {std::move(topic), asked_, absl::Now()};
    } else {
      client_.reset();
    }
  }

  /// Whatever was asked: its answer is not wanted any more.
  void Forget() {
    if (answers_ != nullptr) rd_kafka_queue_io_event_enable(answers_.get(), -1, nullptr, 0);
    answers_.reset();
  }

  const ClientConfig config_;
  const std::string topic_;
  Waker* const waker_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> answers_;  // where an answer is expected; null: none is
  uint64_t question_ = 0;            // the latest
  uint64_t asked_ = 0;               // the one that was asked last
  absl::Time ask_again_at_ = absl::InfinitePast();
  Answer last_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TopicWatch>> TopicWatch::Create(const ClientConfig& config,
                                                               const std::string& topic,
                                                               Waker* waker) {
  auto watch = std::make_unique<RdKafkaTopicWatch>(config, topic, waker);
  SLUICE_RETURN_IF_ERROR(watch->Start());
  return watch;
}

}  // namespace sluice::kafka
