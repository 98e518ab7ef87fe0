#include "stage/batch_output.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "arrow/buffer.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "batch/wire.h"
#include "stage/topics.h"

namespace sluice::stage {
namespace {

// A broker takes no more (offset.metadata.max.bytes).
constexpr size_t kMaxNoteBytes = 4096;

std::optional<batch::Coverage> OwnCoverage(std::string_view bytes, int32_t partition,
                                           const contract::PipelineConfig& pipeline) {
  auto coverage = batch::DecodeCoverage(bytes);
  if (!coverage.ok() || coverage->pipeline != pipeline.name ||
      coverage->generation != pipeline.generation || coverage->topic != pipeline.source_topic ||
      coverage->partition != partition) {
    return std::nullopt;
  }
  return *std::move(coverage);
}

std::optional<batch::Coverage> OwnCoverage(const kafka::Message& message,
                                           const contract::PipelineConfig& pipeline) {
  const auto header = message.Header(batch::kCoverageHeader);
  return header ? OwnCoverage(*header, message.partition(), pipeline) : std::nullopt;
}

}  // namespace

BatchOutput::BatchOutput(const Context& context, std::string topic, std::string input_topic)
    : context_(context), topic_(std::move(topic)), input_topic_(std::move(input_topic)) {}

absl::StatusOr<BatchOutput::End> BatchOutput::ReadEnd(int32_t partition) {
  // Who asks for the end is about to write.
  SLUICE_RETURN_IF_ERROR(EnsureProducer());
  const kafka::TopicPartition own{topic_, partition};
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          context_.admin->QueryWatermarks(own, kRequestTimeout));
  // The last message is a batch of ours unless somebody else wrote here: then look further back, a
  // few at a time.
  constexpr int64_t kWindow = 8;
  int64_t window = 1;
  for (kafka::Offset to = log.end; to > log.begin;) {
    const kafka::Offset from = std::max(log.begin, to - window);
    SLUICE_ASSIGN_OR_RETURN(
        const std::vector<kafka::Message> messages,
        context_.admin->Read(own, from, static_cast<size_t>(to - from), kRequestTimeout));
    for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
      if (message->offset() >= to) continue;
      if (auto coverage = OwnCoverage(*message, context_.pipeline))
        return End{std::move(coverage), log};
    }
    to = from;
    window = kWindow;
  }
  if (log.end == 0) return End{std::nullopt, log};
  SLUICE_ASSIGN_OR_RETURN(std::optional<batch::Coverage> remembered, ReadNote(partition));
  return End{std::move(remembered), log};
}

absl::StatusOr<std::optional<batch::Coverage>> BatchOutput::ReadNote(int32_t partition) {
  SLUICE_ASSIGN_OR_RETURN(const auto committed, context_.admin->CommittedOffset(
                                                    context_.pipeline.ConsumerGroup(context_.stage),
                                                    {input_topic_, partition}, kRequestTimeout));
  std::string bytes;
  if (!committed || !absl::Base64Unescape(committed->metadata, &bytes)) return std::nullopt;
  return OwnCoverage(bytes, partition, context_.pipeline);
}

std::string BatchOutput::Note(int32_t partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || !found->second.acknowledged) return "";
  batch::Coverage position = *found->second.acknowledged;
  position.range = {found->second.emitter.end(), found->second.emitter.end()};
  position.counts = {};
  position.lost = false;
  position.closed_windows.clear();
  std::string note = absl::Base64Escape(batch::EncodeCoverage(position));
  if (note.size() <= kMaxNoteBytes) return note;
  // Many windows are open: whoever needs this counts anew.
  position.open_window = {};
  return absl::Base64Escape(batch::EncodeCoverage(position));
}

absl::StatusOr<std::optional<batch::Coverage>> BatchOutput::ReadFirst(int32_t partition) {
  const kafka::TopicPartition own{topic_, partition};
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          context_.admin->QueryWatermarks(own, kRequestTimeout));
  constexpr size_t kAtOnce = 8;
  for (kafka::Offset from = log.begin; from < log.end;) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> messages,
                            context_.admin->Read(own, from, kAtOnce, kRequestTimeout));
    if (messages.empty()) break;
    for (const kafka::Message& message : messages) {
      if (auto coverage = OwnCoverage(message, context_.pipeline)) return coverage;
    }
    from = messages.back().offset() + 1;
  }
  return std::nullopt;
}

void BatchOutput::Open(int32_t partition, batch::Offset end, std::optional<batch::Coverage> last) {
  partitions_.erase(partition);
  partitions_.emplace(partition, Partition{batch::Emitter(end), std::move(last), 0, {}, 0, {}});
}

void BatchOutput::Close(int32_t partition) { partitions_.erase(partition); }

batch::Emitter* BatchOutput::emitter(int32_t partition) {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? nullptr : &found->second.emitter;
}

const batch::Emitter* BatchOutput::emitter(int32_t partition) const {
  return const_cast<BatchOutput*>(this)->emitter(partition);
}

bool BatchOutput::idle() const {
  return std::none_of(partitions_.begin(), partitions_.end(),
                      [](const auto& p) { return p.second.emitter.in_flight(); });
}

absl::Status BatchOutput::EnsureProducer() {
  if (producer_ != nullptr) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(auto producer,
                          kafka::Producer::Create(context_.kafka, {}, context_.waker));
  SLUICE_RETURN_IF_ERROR(producer->FindTopic(topic_, kRequestTimeout));
  producer_ = std::move(producer);
  return absl::OkStatus();
}

absl::Status BatchOutput::Send(const batch::Coverage& coverage,
                               std::shared_ptr<arrow::Buffer> value) {
  const auto found = partitions_.find(coverage.partition);
  if (found == partitions_.end() || !found->second.emitter.MaySend(coverage.range)) {
    return absl::InternalError(Concat("a batch out of turn: partition=", coverage.partition,
                                      " first=", coverage.range.first,
                                      " next=", coverage.range.next));
  }
  SLUICE_RETURN_IF_ERROR(EnsureProducer());
  kafka::OutgoingRecord record;
  record.partition = {topic_, coverage.partition};
  const std::string_view bytes(reinterpret_cast<const char*>(value->data()),
                               static_cast<size_t>(value->size()));
  record.value = kafka::Payload{bytes, std::move(value)};
  record.headers.emplace_back(batch::kCoverageHeader, batch::EncodeCoverage(coverage));
  SLUICE_FAULT_POINT("output.before_send");
  SLUICE_RETURN_IF_ERROR(producer_->Send(std::move(record), ++last_token_));
  SLUICE_FAULT_POINT("output.sent");
  found->second.emitter.Sent(coverage.range);
  found->second.token = last_token_;
  found->second.in_flight = coverage;
  found->second.bytes = static_cast<int64_t>(bytes.size());
  found->second.sent_at = absl::Now();
  if (SLUICE_MISTAKE("two_in_flight")) found->second.emitter.Acknowledged();
  return absl::OkStatus();
}

void BatchOutput::Poll(std::vector<Acknowledged>* acknowledged, std::vector<Fault>* faults) {
  if (producer_ == nullptr) return;
  std::vector<kafka::Delivery> deliveries;
  producer_->Poll(absl::ZeroDuration(), &deliveries);
  absl::Status failure;
  for (const kafka::Delivery& delivery : deliveries) {
    const auto found = partitions_.find(delivery.partition.partition);
    const bool current = found != partitions_.end() && found->second.emitter.in_flight() &&
                         found->second.token == delivery.token;
    if (!delivery.status.ok() && !SLUICE_MISTAKE("failed_batch_dropped")) {
      context_.metrics->ProduceFailed();
      failure = delivery.status;
      if (current && absl::IsOutOfRange(delivery.status)) {
        faults->push_back(
            {delivery.partition.partition,
             absl::FailedPreconditionError(Concat(
                 "the broker refuses a batch as too large; raise max.message.bytes of topic ",
                 topic_, " or lower batch.bytes: ", delivery.status.message()))});
        found->second.emitter.Rewind(found->second.emitter.end());
        partitions_.erase(found);
      }
    } else if (current) {
      SLUICE_FAULT_POINT("output.acknowledged");
      Partition& partition = found->second;
      partition.emitter.Acknowledged();
      context_.metrics->EmittedBytes(partition.bytes);
      acknowledged->push_back(
          {found->first, partition.in_flight.range, absl::Now() - partition.sent_at});
      partition.acknowledged = std::move(partition.in_flight);
    }
  }
  if (failure.ok()) return;
  log::Warn("a send failed; starting a new producer", {{"topic", topic_}, {"error", failure}});
  producer_.reset();
  for (auto it = partitions_.begin(); it != partitions_.end();) {
    if (!it->second.emitter.in_flight() && !SLUICE_MISTAKE("two_in_flight")) {
      ++it;
      continue;
    }
    faults->push_back(
        {it->first, absl::UnavailableError(Concat("a send failed: ", failure.message()))});
    it = partitions_.erase(it);
  }
}

absl::Status BatchOutput::SendAndWait(const batch::Coverage& coverage,
                                      std::shared_ptr<arrow::Buffer> value) {
  kafka::OutgoingRecord record;
  record.partition = {topic_, coverage.partition};
  const std::string_view bytes(reinterpret_cast<const char*>(value->data()),
                               static_cast<size_t>(value->size()));
  record.value = kafka::Payload{bytes, std::move(value)};
  record.headers.emplace_back(batch::kCoverageHeader, batch::EncodeCoverage(coverage));
  // A producer of its own: the acknowledgements of other partitions must not get lost in this wait.
  return kafka::SendOne(context_.kafka, std::move(record), kRequestTimeout);
}

}  // namespace sluice::stage
