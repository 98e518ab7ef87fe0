// Against librdkafka's mock cluster: one broker in this process. What needs the real thing
// (transactions, topic ids, groups of several processes) is tested in tests/functional.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
// clang-format off: the second needs the first.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
// clang-format on
#if RD_KAFKA_VERSION < 0x020300ff
extern "C" void rd_kafka_mock_group_initial_rebalance_delay_ms(rd_kafka_mock_cluster_t* mcluster,
                                                               int32_t delay_ms);
#endif

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "kafka/admin.h"
#include "kafka/client_internal.h"
#include "kafka/consumer.h"
#include "kafka/group_member.h"
#include "kafka/producer.h"
#include "kafka/test_cluster.h"

namespace sluice::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int32_t kPartitions = 4;
constexpr absl::Duration kLimit = absl::Seconds(30);  // of waiting for what is certain to come

class KafkaTest : public ::testing::Test {
 protected:
  KafkaTest() { cluster_.CreateTopic(kTopic, kPartitions); }

  static OutgoingRecord Outgoing(int32_t partition, std::optional<std::string_view> key,
                                 std::optional<std::string> value, Headers headers = {}) {
    OutgoingRecord record;
    record.partition = {kTopic, partition};
    record.key = key;
    if (value.has_value()) {
      auto owner = std::make_shared<const std::string>(*std::move(value));
      record.value = Payload{*owner, owner};
    }
    record.headers = std::move(headers);
    return record;
  }

  static std::vector<Delivery> Await(Producer& producer) {
    std::vector<Delivery> deliveries;
    const absl::Time deadline = absl::Now() + kLimit;
    while (producer.in_flight() > 0 && absl::Now() < deadline) {
      producer.Poll(absl::Milliseconds(100), &deliveries);
    }
    EXPECT_EQ(producer.in_flight(), 0u);
    return deliveries;
  }

  void Fill(int32_t partition, const std::vector<std::string>& values) {
    const absl::Status status = cluster_.Fill({kTopic, partition}, values);
    ASSERT_TRUE(status.ok()) << status;
  }

  /// Polls until `count` messages or an error came.
  static std::vector<std::string> Values(Consumer& consumer, size_t count,
                                         std::vector<PartitionError>* errors) {
    std::vector<std::string> values;
    const absl::Time deadline = absl::Now() + kLimit;
    while (values.size() < count && errors->empty() && absl::Now() < deadline) {
      std::vector<Message> messages;
      consumer.Poll(2, absl::Milliseconds(100), &messages, errors);
      for (const Message& message : messages) {
        values.push_back(std::to_string(message.offset()) +
                         std::string(message.value().value_or("-")));
      }
    }
    return values;
  }

  static constexpr char kTopic[] = "records";
  TestCluster cluster_;
  ClientConfig config_ = cluster_.config();
};

TEST_F(KafkaTest, ARecordArrivesAsItWasSent) {
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, {}, nullptr);
  std::string key("k\0y", 3);
  OutgoingRecord full = Outgoing(1, key, std::string("v\0l", 3),
                                 {{"h", "1"}, {"other", "x"}, {"h", "2"}, {"empty", ""}});
  full.timestamp_ms = 1'700'000'000'123;
  ASSERT_TRUE(producer->Send(full, 7).ok());
  ASSERT_TRUE(producer->Send(Outgoing(1, "", ""), 8).ok());
  ASSERT_TRUE(producer->Send(Outgoing(1, std::nullopt, std::nullopt), 9).ok());
  const std::vector<Delivery> deliveries = Await(*producer);
  ASSERT_EQ(deliveries.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(deliveries[i].status.ok()) << deliveries[i].status;
    EXPECT_EQ(deliveries[i].token, 7 + i);
    EXPECT_EQ(deliveries[i].offset, static_cast<Offset>(i));
    EXPECT_EQ(deliveries[i].partition.ToString(), "records/1");
  }

  const std::unique_ptr<Admin> admin = *Admin::Create(config_);
  const absl::StatusOr<std::vector<Message>> read = admin->Read({kTopic, 1}, 0, 10, kLimit);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  const Message& first = (*read)[0];
  EXPECT_EQ(first.topic(), kTopic);
  EXPECT_EQ(first.partition(), 1);
  EXPECT_EQ(first.key(), key);
  EXPECT_EQ(first.value(), std::string_view("v\0l", 3));
  EXPECT_EQ(first.timestamp_ms(), 1'700'000'000'123);
  EXPECT_EQ(first.Header("h"), "2");
  EXPECT_EQ(first.Header("empty"), "");
  EXPECT_EQ(first.Header("none"), std::nullopt);
  EXPECT_EQ((*read)[1].key(), "");
  EXPECT_EQ((*read)[1].value(), "");
  EXPECT_EQ((*read)[1].Header("h"), std::nullopt);
  EXPECT_EQ((*read)[2].key(), std::nullopt);
  EXPECT_EQ((*read)[2].value(), std::nullopt);
}

TEST_F(KafkaTest, AValueIsKeptUntilItsDeliveryAndNoLonger) {
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, {}, nullptr);
  auto owner = std::make_shared<const std::string>("value");
  const std::weak_ptr<const std::string> watch = owner;
  OutgoingRecord record;
  record.partition = {kTopic, 0};
  record.value = Payload{*owner, owner};
  owner.reset();
  ASSERT_TRUE(producer->Send(std::move(record), 1).ok());
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(producer->in_flight(), 1u);
  Await(*producer);
  EXPECT_TRUE(watch.expired());
}

TEST_F(KafkaTest, ADestroyedProducerLetsGoOfWhatItHolds) {
  rd_kafka_mock_broker_set_down(cluster_.mock(), 1);
  auto owner = std::make_shared<const std::string>("value");
  const std::weak_ptr<const std::string> watch = owner;
  std::unique_ptr<Producer> producer = *Producer::Create(config_, {}, nullptr);
  OutgoingRecord record;
  record.partition = {kTopic, 0};
  record.value = Payload{*owner, owner};
  owner.reset();
  ASSERT_TRUE(producer->Send(std::move(record), 1).ok());
  producer.reset();
  EXPECT_TRUE(watch.expired());
}

TEST_F(KafkaTest, KeysGoWhereKafkasOwnClientsPutThem) {
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, {}, nullptr);
  // From the test vectors of Kafka's murmur2: hash & 0x7fffffff, modulo the partitions.
  const std::map<std::string, int32_t> hashes = {{"21", -973932308},
                                                 {"foobar", -790332482},
                                                 {"a-little-bit-long-string", -985981536},
                                                 {"a-little-bit-longer-string", -1486304829},
                                                 {"abc", 479470107}};
  std::vector<int32_t> expected;
  for (const auto& [key, hash] : hashes) {
    ASSERT_TRUE(producer->Send(Outgoing(-1, key, "v"), expected.size()).ok());
    expected.push_back((hash & 0x7fffffff) % kPartitions);
  }
  for (const Delivery& delivery : Await(*producer)) {
    EXPECT_EQ(delivery.partition.partition, expected[delivery.token]) << delivery.token;
  }
}

TEST_F(KafkaTest, ATooLargeRecordIsTold) {
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, {}, nullptr);
  rd_kafka_mock_push_request_errors(cluster_.mock(), 0 /* Produce */, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  ASSERT_TRUE(producer->Send(Outgoing(0, std::nullopt, "v"), 5).ok());
  const std::vector<Delivery> deliveries = Await(*producer);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(deliveries[0].token, 5u);
}

TEST_F(KafkaTest, ASendThatTimesOutIsRetryable) {
  rd_kafka_mock_broker_set_down(cluster_.mock(), 1);
  Producer::Options options;
  options.delivery_timeout = absl::Milliseconds(200);
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, options, nullptr);
  ASSERT_TRUE(producer->Send(Outgoing(0, std::nullopt, "v"), 5).ok());
  const std::vector<Delivery> deliveries = Await(*producer);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(KafkaTest, AFullQueueIsToldAndEmptiesAgain) {
  Producer::Options options;
  options.queue_kbytes = 64;
  const std::unique_ptr<Producer> producer = *Producer::Create(config_, options, nullptr);
  const std::string value(10'000, 'v');
  absl::Status status;
  for (int i = 0; status.ok(); ++i) {
    ASSERT_LT(i, 100'000);
    status = producer->Send(Outgoing(0, std::nullopt, value), 0);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  Await(*producer);
  EXPECT_TRUE(producer->Send(Outgoing(0, std::nullopt, value), 0).ok());
}

TEST_F(KafkaTest, ReadsFromWhereItIsTold) {
  Fill(0, {"a", "b", "c", "d", "e"});
  Fill(1, {"x", "y"});
  const std::unique_ptr<Consumer> consumer = *Consumer::Create(config_, {}, nullptr);
  std::vector<PartitionError> errors;
  ASSERT_TRUE(consumer->Start({kTopic, 0}, 3).ok());
  EXPECT_THAT(Values(*consumer, 2, &errors), ElementsAre("3d", "4e"));
  // Back, and on another one as well.
  ASSERT_TRUE(consumer->Start({kTopic, 0}, 1).ok());
  EXPECT_THAT(Values(*consumer, 4, &errors), ElementsAre("1b", "2c", "3d", "4e"));
  ASSERT_TRUE(consumer->Stop({kTopic, 0}).ok());
  ASSERT_TRUE(consumer->Stop({kTopic, 0}).ok());
  ASSERT_TRUE(consumer->Start({kTopic, 1}, 0).ok());
  Fill(0, {"f"});
  EXPECT_THAT(Values(*consumer, 2, &errors), ElementsAre("0x", "1y"));
  EXPECT_EQ(consumer->CachedEnd({kTopic, 1}), 2);
  EXPECT_EQ(consumer->CachedEnd({kTopic, 3}), -1);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(consumer->Start({kTopic, 0}, RD_KAFKA_OFFSET_END).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(KafkaTest, AnOffsetOutsideTheLogIsAnErrorOfThePartition) {
  Fill(2, {"a"});
  const std::unique_ptr<Consumer> consumer = *Consumer::Create(config_, {}, nullptr);
  std::vector<PartitionError> errors;
  ASSERT_TRUE(consumer->Start({kTopic, 2}, 100).ok());
  EXPECT_THAT(Values(*consumer, 1, &errors), ElementsAre());
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].partition.ToString(), "records/2");
  EXPECT_EQ(errors[0].status.code(), absl::StatusCode::kDataLoss) << errors[0].status;
}

TEST_F(KafkaTest, TheWakerIsSignalledUntilEverythingIsTaken) {
  Fill(0, {"a", "b", "c", "d", "e"});
  Waker waker;
  const std::unique_ptr<Consumer> consumer = *Consumer::Create(config_, {}, &waker);
  ASSERT_TRUE(consumer->Start({kTopic, 0}, 0).ok());
  std::vector<Message> messages;
  std::vector<PartitionError> errors;
  while (messages.size() < 5) {
    const absl::Time before = absl::Now();
    waker.Wait(kLimit);
    ASSERT_LT(absl::Now() - before, kLimit) << "not woken for what is left";
    consumer->Poll(1, absl::ZeroDuration(), &messages, &errors);
  }
  EXPECT_TRUE(errors.empty());
  messages.clear();
}

TEST_F(KafkaTest, AdminReadsUpToTheEnd) {
  Fill(3, {"a", "b", "c"});
  const std::unique_ptr<Admin> admin = *Admin::Create(config_);
  const absl::StatusOr<Watermarks> watermarks = admin->QueryWatermarks({kTopic, 3}, kLimit);
  ASSERT_TRUE(watermarks.ok()) << watermarks.status();
  EXPECT_EQ(watermarks->begin, 0);
  EXPECT_EQ(watermarks->end, 3);
  const auto offsets = [&](Offset from, size_t max) {
    std::vector<Offset> found;
    const absl::StatusOr<std::vector<Message>> messages =
        admin->Read({kTopic, 3}, from, max, kLimit);
    EXPECT_TRUE(messages.ok()) << messages.status();
    if (messages.ok()) {
      for (const Message& message : *messages) found.push_back(message.offset());
    }
    return found;
  };
  EXPECT_THAT(offsets(0, 100), ElementsAre(0, 1, 2));
  EXPECT_THAT(offsets(1, 1), ElementsAre(1));
  EXPECT_THAT(offsets(2, 100), ElementsAre(2));
  EXPECT_THAT(offsets(3, 100), ElementsAre());
  EXPECT_THAT(offsets(99, 100), ElementsAre());
  EXPECT_THAT(offsets(0, 0), ElementsAre());
  const absl::StatusOr<std::vector<Message>> empty = admin->Read({kTopic, 0}, 0, 1, kLimit);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->empty());
}

TEST_F(KafkaTest, AGroupDealsThePartitionsAnewWhenMembersComeAndGo) {
  // The mock coordinator takes its time by these; a real one deals in a tenth of a second.
  rd_kafka_mock_group_initial_rebalance_delay_ms(cluster_.mock(), 0);
  config_.properties = {{"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "100"}};
  std::map<std::string, std::vector<int32_t>> owned;
  std::map<std::string, std::unique_ptr<GroupMember>> members;
  Waker waker;
  // Until every partition has one owner and the members have so many: who gets which is the
  // coordinator's affair.
  const auto await = [&](const std::map<std::string, size_t>& expected) {
    std::map<std::string, size_t> counts;
    std::vector<int32_t> all;
    const absl::Time deadline = absl::Now() + kLimit;
    do {
      waker.Wait(absl::Milliseconds(50));
      counts.clear();
      all.clear();
      for (auto& [name, member] : members) {
        if (std::optional<std::vector<int32_t>> now = member->Poll()) owned[name] = *std::move(now);
        counts[name] = owned[name].size();
        all.insert(all.end(), owned[name].begin(), owned[name].end());
      }
      std::sort(all.begin(), all.end());
    } while ((counts != expected || all != std::vector<int32_t>{0, 1, 2, 3}) &&
             absl::Now() < deadline);
    EXPECT_EQ(counts, expected);
    EXPECT_THAT(all, ElementsAre(0, 1, 2, 3));
  };
  const auto join = [&](const std::string& name) {
    members[name] = *GroupMember::Join(config_, "group", kTopic, name, &waker);
  };
  join("a");
  await({{"a", 4}});
  join("b");
  await({{"a", 2}, {"b", 2}});
  members["a"]->Commit({{0, {17, "a note"}}});
  members["b"]->Leave(absl::Seconds(5));
  members["b"]->Leave(absl::Seconds(5));
  await({{"a", 4}, {"b", 0}});
}

TEST(KafkaConfTest, AWrongPropertyIsNamedAndAUsersWins) {
  ClientConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.properties["no.such.property"] = "1";
  const absl::Status status = Producer::Create(config, {}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no.such.property"));

  config.properties = {{"client.id", "mine"}, {"fetch.wait.max.ms", "77"}};
  const auto conf = internal::MakeConf(config, internal::ConsumerSettings());
  ASSERT_TRUE(conf.ok()) << conf.status();
  char value[64];
  size_t size = sizeof(value);
  ASSERT_EQ(rd_kafka_conf_get(conf->get(), "fetch.wait.max.ms", value, &size), RD_KAFKA_CONF_OK);
  EXPECT_STREQ(value, "77");
  size = sizeof(value);
  ASSERT_EQ(rd_kafka_conf_get(conf->get(), "client.id", value, &size), RD_KAFKA_CONF_OK);
  EXPECT_STREQ(value, "mine");
}

TEST(KafkaStatusTest, ErrorsSayWhatToDo) {
  const auto code = [](rd_kafka_resp_err_t error) { return internal::ToStatus(error).code(); };
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_NO_ERROR), absl::StatusCode::kOk);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR__TRANSPORT), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR__FATAL), absl::StatusCode::kInternal);
  EXPECT_EQ(code(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(internal::ToStatus(static_cast<rd_kafka_error_t*>(nullptr)).ok());
}

TEST(WakerTest, RemembersASignalOnce) {
  Waker waker;
  waker.Signal();
  waker.Signal();
  const absl::Time before = absl::Now();
  waker.Wait(kLimit);
  EXPECT_LT(absl::Now() - before, kLimit);
  waker.Wait(absl::ZeroDuration());  // nothing left: returns for the timeout
  EXPECT_EQ(internal::ToTimeoutMs(absl::Microseconds(1)), 1);
  EXPECT_EQ(internal::ToTimeoutMs(-absl::Seconds(1)), 0);
  EXPECT_GT(internal::ToTimeoutMs(absl::InfiniteDuration()), 1'000'000);
}

}  // namespace
}  // namespace sluice::kafka
