#include "producer_simulator/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

#include "producer_simulator/generated_source.h"
#include "producer_simulator/spool_source.h"
#include "producer_simulator/temporary_folder_for_test.h"
#include "sluice/admin/v1/simulator.pb.h"

namespace sluice::producer_simulator {
namespace {

constexpr int32_t kPartitions = 3;

/// A topic that stores, acknowledges, loses and delays at random. Outlives producers and processes.
class UnreliableTopic : public Topic {
 public:
  struct Options {
    double store = 0.5;        // per poll: the next record of a partition is stored
    double acknowledge = 0.5;  // per poll and stored record
    double fail = 0;           // per poll and record: reported as failed, stored or not
    double full = 0;           // per send: the client's queue is full
  };
  UnreliableTopic(uint32_t seed, const Options& options) : random_(seed), options_(options) {}

  absl::StatusOr<std::unique_ptr<kafka::Producer>> MakeProducer() override;
  absl::StatusOr<std::map<int32_t, int64_t>> Ends() override {
    std::map<int32_t, int64_t> ends;
    for (int32_t i = 0; i < kPartitions; ++i) ends[i] = static_cast<int64_t>(log_[i].size());
    return ends;
  }
  absl::StatusOr<FoundRecords> ReadBack(const ReadBackRequest& request) override {
    FoundRecords found;
    for (int32_t i = 0; i < kPartitions; ++i) {
      const auto from = request.from.find(i);
      for (size_t offset = from == request.from.end() ? 0 : static_cast<size_t>(from->second);
           offset < log_[i].size(); ++offset) {
        if (request.ours(log_[i][offset]))
          found[log_[i][offset]] = {i, static_cast<int64_t>(offset)};
      }
    }
    return found;
  }
  const std::vector<std::string>& log(int32_t partition) const { return log_[partition]; }

 private:
  friend class UnreliableProducer;
  bool Chance(double probability) {
    return std::uniform_real_distribution<>()(random_) < probability;
  }

  std::mt19937 random_;
  const Options options_;
  std::vector<std::string> log_[kPartitions];
};

class UnreliableProducer : public kafka::Producer {
 public:
  explicit UnreliableProducer(UnreliableTopic* topic) : topic_(topic) {}
  // What is under way may still arrive; nothing arrives later.
  ~UnreliableProducer() override {
    for (std::deque<Sent>& queue : queues_) {
      for (Sent& sent : queue) {
        if (!topic_->Chance(0.5)) break;  // in order: nothing behind one that is lost
        Store(&sent);
      }
    }
  }

  absl::Status FindTopic(const std::string&, absl::Duration) override { return absl::OkStatus(); }
  absl::Status Send(kafka::OutgoingRecord record, uint64_t token) override {
    if (topic_->Chance(topic_->options_.full)) return absl::UnavailableError("full");
    std::string id;
    for (const auto& [name, value] : record.headers) {
      if (name == "sluice-record-id") id = value;
    }
    if (id.find("refused") != std::string::npos) return absl::OutOfRangeError("too large");
    const int32_t partition =
        record.partition.partition >= 0
            ? record.partition.partition
            : static_cast<int32_t>(std::hash<std::string>()(id) % kPartitions);
    queues_[partition].push_back({partition, id, token, -1});
    ++in_flight_;
    return absl::OkStatus();
  }

  void Poll(absl::Duration, std::vector<kafka::Delivery>* deliveries) override {
    for (std::deque<Sent>& queue : queues_) {
      for (Sent& sent : queue) {
        if (sent.offset < 0 && !topic_->Chance(topic_->options_.store)) break;
        Store(&sent);
      }
      while (!queue.empty()) {
        const Sent& sent = queue.front();
        kafka::Delivery delivery;
        delivery.partition = {"topic", sent.partition};
        delivery.token = sent.token;
        delivery.offset = sent.offset;
        if (topic_->Chance(topic_->options_.fail)) {
          delivery.status = absl::DeadlineExceededError("unknown");
        } else if (sent.offset < 0 || !topic_->Chance(topic_->options_.acknowledge)) {
          break;
        }
        deliveries->push_back(delivery);
        queue.pop_front();
        --in_flight_;
      }
    }
  }
  size_t in_flight() const override { return in_flight_; }

 private:
  struct Sent {
    int32_t partition;
    std::string id;
    uint64_t token;
    int64_t offset;  // -1: not stored
  };
  void Store(Sent* sent) {
    if (sent->offset >= 0) return;
    std::vector<std::string>& log = topic_->log_[sent->partition];
    sent->offset = static_cast<int64_t>(log.size());
    log.push_back(sent->id);
  }

  UnreliableTopic* topic_;
  std::deque<Sent> queues_[kPartitions];
  size_t in_flight_ = 0;
};

absl::StatusOr<std::unique_ptr<kafka::Producer>> UnreliableTopic::MakeProducer() {
  return std::make_unique<UnreliableProducer>(this);
}

/// What a process has on its disk and in its memory; `Restart` is kill -9 and a new start.
class DeliveryTest : public ::testing::Test {
 protected:
  void Restart(Topic* topic, int64_t target) {
    delivery_.reset();
    published_.reset();
    spool_.reset();
    spool_ = *Spool::Open(folder_.File("spool"), Spool::Options{4096, 1 << 20});
    published_ = std::make_unique<SpoolSource>(spool_.get());
    Profile profile;
    profile.cars = 5;
    main_ = std::make_unique<GeneratedSource>(
        std::make_unique<CarTrips>(1, profile, RecordLimits()), &checkpoint_.faults, target);
    Open(topic);
  }

  /// What Simulator does after a failure, too: everything from the checkpoint.
  void Open(Topic* topic) {
    delivery_.reset();
    const std::optional<Checkpoint> stored = *LoadCheckpoint(folder_.File("checkpoint.json"));
    checkpoint_ = stored.value_or(Checkpoint());
    if (!stored.has_value()) {
      checkpoint_.run_id = "run";
      checkpoint_.topic = "topic";
      FaultMix mix;
      ASSERT_TRUE(mix.Set(Fault::kTombstone, 200'000).ok());
      checkpoint_.faults[0] = mix;
    }
    DeliveryContext context;
    context.topic = topic;
    context.checkpoint_path = folder_.File("checkpoint.json");
    context.checkpoint = &checkpoint_;
    context.main = main_.get();
    context.published = published_.get();
    context.truth_path = folder_.File("truth.ndjson");
    context.successes = &successes_;
    context.failures = &failures_;
    context.pacer = &pacer_;
    context.on_done = [](const DeliveryWindow::Chunk&) {};
    absl::StatusOr<std::unique_ptr<Delivery>> opened = Delivery::Open(context, [] { return true; });
    ASSERT_TRUE(opened.ok()) << opened.status();
    delivery_ = *std::move(opened);
  }

  absl::Status Step() {
    now_ += absl::Milliseconds(100);
    return delivery_->Step(now_, /*generate=*/true);
  }

  void Publish(const std::string& id, std::optional<int32_t> partition = std::nullopt) {
    admin::v1::PublishedRecord record;
    record.set_value("{}");
    record.set_id(id);
    if (partition.has_value()) record.set_partition(*partition);
    ASSERT_TRUE(spool_->Append({record.SerializeAsString()}).ok());
  }

  std::vector<std::string> TopicLines(const UnreliableTopic& topic) {
    std::vector<std::string> lines;
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      for (size_t offset = 0; offset < topic.log(partition).size(); ++offset) {
        const std::string& id = topic.log(partition)[offset];
        if (id.rfind("run-g", 0) != 0) continue;
        lines.push_back("{\"partition\":" + std::to_string(partition) +
                        ",\"offset\":" + std::to_string(offset) + ",\"record_id\":\"" + id + "\"");
      }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  std::vector<std::string> TruthLines() {
    std::vector<std::string> lines;
    std::istringstream truth(ReadWholeFile(folder_.File("truth.ndjson")));
    for (std::string line; std::getline(truth, line);)
      lines.push_back(line.substr(0, line.find(",\"fault\"")));
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  TemporaryFolder folder_;
  EventLog successes_{folder_.File("success.log"), 1 << 20, 2};
  EventLog failures_{folder_.File("failure.log"), 1 << 20, 2};
  Pacer pacer_;
  Checkpoint checkpoint_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<RecordSource> published_;
  std::unique_ptr<RecordSource> main_;
  std::unique_ptr<Delivery> delivery_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(DeliveryTest, DeliversAllAndWritesTheTruth) {
  UnreliableTopic topic(1, {});
  Restart(&topic, 100);
  Publish("outside-1");
  Publish("outside-2", 2);
  Publish("refused");
  Publish("");
  while (!delivery_->Settled(true)) ASSERT_TRUE(Step().ok());
  ASSERT_TRUE(delivery_->StoreClean().ok());
  EXPECT_EQ(TruthLines(), TopicLines(topic));
  EXPECT_EQ(TruthLines().size(), 100u);
  EXPECT_THAT(topic.log(2), testing::Contains("outside-2"));
  EXPECT_EQ(checkpoint_.delivered, 100);
  EXPECT_EQ(checkpoint_.delivered_published, 3);
  EXPECT_EQ(checkpoint_.rejected, 1);
  EXPECT_GT(checkpoint_.delivered_faults["tombstone"], 0);
  EXPECT_TRUE(checkpoint_.clean);
  EXPECT_THAT(ReadWholeFile(folder_.File("failure.log")),
              testing::HasSubstr("\"record_id\":\"refused\""));
  EXPECT_EQ(**LoadCheckpoint(folder_.File("checkpoint.json")), checkpoint_);
}

TEST_F(DeliveryTest, AFinishedRunSendsNothingMore) {
  UnreliableTopic topic(1, {});
  Restart(&topic, 50);
  while (!delivery_->Settled(true)) ASSERT_TRUE(Step().ok());
  ASSERT_TRUE(delivery_->StoreClean().ok());
  const std::vector<std::string> before = TopicLines(topic);
  Restart(&topic, 50);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Step().ok());
  EXPECT_EQ(TopicLines(topic), before);
}

// The promise: whatever is lost, delayed or reported wrongly, and whenever the process is killed,
// each record is in the topic once, and the truth file says where.
class DeliveryCrashTest : public DeliveryTest, public ::testing::WithParamInterface<uint32_t> {};

TEST_P(DeliveryCrashTest, EachRecordArrivesOnce) {
  std::mt19937 random(GetParam());
  const auto chance = [&](double p) { return std::uniform_real_distribution<>()(random) < p; };
  UnreliableTopic::Options options;
  options.store = std::uniform_real_distribution<>(0.3, 0.99)(random);
  options.acknowledge = std::uniform_real_distribution<>(0.2, 0.99)(random);
  options.fail = GetParam() % 3 == 0 ? 0.002 : 0;
  options.full = 0.1;
  UnreliableTopic topic(GetParam(), options);
  constexpr int64_t kTarget = 400;
  pacer_.SetRate(100, now_);
  Restart(&topic, kTarget);
  int published = 0;
  std::set<std::string> outside;
  for (int steps = 0; steps < 5000 && !delivery_->Settled(true); ++steps) {
    if (published < 40 && chance(0.3)) {
      const std::string id = chance(0.5) ? "" : "outside-" + std::to_string(published);
      Publish(id);
      outside.insert(id.empty() ? "run-p" + std::to_string(published) : id);
      ++published;
    }
    if (!Step().ok()) {
      Open(&topic);
    } else if (chance(0.05)) {
      Restart(&topic, kTarget);
    }
  }
  ASSERT_TRUE(delivery_->Settled(true));
  EXPECT_EQ(TruthLines(), TopicLines(topic));
  EXPECT_EQ(TruthLines().size(), static_cast<size_t>(kTarget));
  EXPECT_EQ(checkpoint_.delivered, kTarget);
  EXPECT_EQ(checkpoint_.delivered_published, published);
  std::multiset<std::string> ids;
  for (int32_t partition = 0; partition < kPartitions; ++partition) {
    ids.insert(topic.log(partition).begin(), topic.log(partition).end());
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(kTarget + published));
  for (int64_t i = 0; i < kTarget; ++i) EXPECT_EQ(ids.count("run-g" + std::to_string(i)), 1u) << i;
  for (const std::string& id : outside) EXPECT_EQ(ids.count(id), 1u) << id;
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeliveryCrashTest, ::testing::Range(0u, 40u));

}  // namespace
}  // namespace sluice::producer_simulator
