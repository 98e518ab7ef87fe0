#include "stage/input_reader.h"

#include <algorithm>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"

namespace sluice::stage {
namespace {

constexpr size_t kMessagesAtOnce = 2000;

}  // namespace

InputReader::InputReader(std::string topic, std::unique_ptr<kafka::Consumer> consumer,
                         kafka::TopicWatch* watch, kafka::Waker* waker)
    : topic_(std::move(topic)), consumer_(std::move(consumer)), watch_(watch), waker_(waker) {}

absl::Status InputReader::Open(int32_t partition, kafka::Offset from, std::string log) {
  SLUICE_RETURN_IF_ERROR(consumer_->Start({topic_, partition}, from));
  std::erase_if(read_, [partition](const kafka::Message& message) {
    return message.partition() == partition;
  });
  open_[partition] = {from, std::move(log)};
  certain_ = 0;
  return absl::OkStatus();
}

absl::Status InputReader::ReadFrom(int32_t partition, kafka::Offset from) {
  open_.at(partition).from = from;
  return consumer_->Start({topic_, partition}, from);
}

void InputReader::StopFetching(int32_t partition) { (void)consumer_->Stop({topic_, partition}); }

void InputReader::Close(int32_t partition) {
  if (open_.erase(partition) > 0) StopFetching(partition);
}

void InputReader::Poll(std::vector<kafka::Message>* messages, std::vector<Fault>* faults) {
  messages->clear();
  if (read_.empty()) {
    std::vector<kafka::PartitionError> errors;
    consumer_->Poll(kMessagesAtOnce, absl::ZeroDuration(), &read_, &errors);
    for (const kafka::PartitionError& error : errors) OnError(error, faults);
  }
  if (read_.empty() || !KnowsLog(faults)) return;
  if (read_.size() == kMessagesAtOnce) waker_->Signal();  // there may be more
  // Messages of an earlier opening may still come: they are not asked for any more.
  std::erase_if(read_, [this](const kafka::Message& message) {
    const auto partition = open_.find(message.partition());
    return partition == open_.end() || message.offset() < partition->second.from;
  });
  messages->swap(read_);
}

void InputReader::CloseWithFault(int32_t partition, std::string_view error,
                                 std::vector<Fault>* faults) {
  Close(partition);
  faults->push_back({partition, absl::UnavailableError(AbslView(error))});
}

void InputReader::OnError(const kafka::PartitionError& error, std::vector<Fault>* faults) {
  const int32_t partition = error.partition.partition;
  log::Warn("input", {{"partition", partition}, {"error", error.status}});
  // Whatever it is, opening again finds out: Open compares the position with the log's limits and
  // the topic's id.
  if (open_.contains(partition) && !absl::IsUnavailable(error.status))
    CloseWithFault(partition, StdView(error.status.message()), faults);
}

// Whether what was read is of the log that the positions are about.
bool InputReader::KnowsLog(std::vector<Fault>* faults) {
  const uint64_t doubts = consumer_->doubts();
  const auto asks = [](const auto& entry) { return !entry.second.log.empty(); };
  if (certain_ >= doubts || std::none_of(open_.begin(), open_.end(), asks)) return true;
  const kafka::TopicWatch::Answer& answer = watch_->Poll(doubts);
  if (answer.question < doubts || !answer.topic.ok()) return false;
  certain_ = answer.question;
  std::vector<int32_t> others;
  for (const auto& [partition, open] : open_) {
    if (open.log.empty() || answer.topic->id.empty() || open.log == answer.topic->id) continue;
    if (!SLUICE_MISTAKE("topic_id_ignored")) others.push_back(partition);
  }
  // Opening it again says what there is to say.
  for (const int32_t partition : others)
    CloseWithFault(partition, "the input topic was recreated", faults);
  return true;
}

}  // namespace sluice::stage
