#include "producer_simulator/topic.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status.h"

namespace sluice::producer_simulator {
namespace {

constexpr size_t kPageRecords = 5000;
constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kQuiet = absl::Milliseconds(200);

}  // namespace

absl::StatusOr<std::map<int32_t, int64_t>> ReadEnds(kafka::Admin& admin, const std::string& topic,
                                                    int32_t partitions) {
  std::map<int32_t, int64_t> ends;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks watermarks,
                            admin.QueryWatermarks({topic, partition}, kRequestTimeout));
    ends[partition] = watermarks.end;
  }
  return ends;
}

namespace {

class KafkaTopic : public Topic {
 public:
  KafkaTopic(const kafka::ClientConfig& config, std::string topic, int32_t partitions,
             kafka::Admin* admin, kafka::Waker* waker)
      : config_(config),
        topic_(std::move(topic)),
        partitions_(partitions),
        admin_(admin),
        waker_(waker) {}

  absl::StatusOr<std::unique_ptr<kafka::Producer>> MakeProducer() override {
    kafka::Producer::Options options;
    options.linger = absl::Milliseconds(5);
    // What is sent again within the client is told apart by its sequence number, so it may try for
    // ever.
    options.idempotence = true;
    options.delivery_timeout = absl::InfiniteDuration();
    return kafka::Producer::Create(config_, options, waker_);
  }
  absl::StatusOr<std::map<int32_t, int64_t>> Ends() override {
    return ReadEnds(*admin_, topic_, partitions_);
  }
  absl::StatusOr<FoundRecords> ReadBack(const ReadBackRequest& request) override;

 private:
  absl::Status ReadPartition(int32_t partition, int64_t from, int64_t end,
                             const ReadBackRequest& request, FoundRecords* found);

  const kafka::ClientConfig config_;
  const std::string topic_;
  const int32_t partitions_;
  kafka::Admin* const admin_;
  kafka::Waker* const waker_;
};

absl::StatusOr<FoundRecords> KafkaTopic::ReadBack(const ReadBackRequest& request) {
  std::map<int32_t, int64_t> ends;
  while (true) {
    using Ends = std::map<int32_t, int64_t>;
    SLUICE_ASSIGN_OR_RETURN(Ends now, ReadEnds(*admin_, topic_, partitions_));
    if (now == ends) break;
    ends = std::move(now);
    if (!request.go_on()) return absl::CancelledError("stopping");
    absl::SleepFor(kQuiet);
  }
  FoundRecords found;
  for (const auto& [partition, end] : ends) {
    const auto known = request.from.find(partition);
    const int64_t from = known == request.from.end() ? 0 : known->second;
    SLUICE_RETURN_IF_ERROR(ReadPartition(partition, from, end, request, &found));
  }
  return found;
}

absl::Status KafkaTopic::ReadPartition(int32_t partition, int64_t from, int64_t end,
                                       const ReadBackRequest& request, FoundRecords* found) {
  while (from < end) {
    if (!request.go_on()) return absl::CancelledError("stopping");
    SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> page,
                            admin_->Read({topic_, partition}, from, kPageRecords, kRequestTimeout));
    for (const kafka::Message& message : page) {
      const std::optional<std::string_view> id = message.Header("sluice-record-id");
      if (!id.has_value() || !request.ours(std::string(*id))) continue;
      if (!found->emplace(*id, Location{partition, message.offset()}).second) {
        log::Error("the topic holds a record twice",
                   {{"topic", topic_}, {"partition", partition}, {"offset", message.offset()}});
      }
    }
    if (page.size() < kPageRecords) break;
    from = page.back().offset() + 1;
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Topic> MakeTopic(const kafka::ClientConfig& config, const std::string& topic,
                                 int32_t partitions, kafka::Admin* admin, kafka::Waker* waker) {
  return std::make_unique<KafkaTopic>(config, topic, partitions, admin, waker);
}

}  // namespace sluice::producer_simulator
