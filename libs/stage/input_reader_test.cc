#include "stage/input_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "kafka/admin.h"
#include "kafka/test_cluster.h"

namespace sluice::stage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kTopic[] = "records";
constexpr absl::Duration kLimit = absl::Seconds(30);  // of waiting for what is certain to come

/// Gives out what a test puts into it.
struct FakeConsumer : kafka::Consumer {
  absl::Status Start(const kafka::TopicPartition& partition, kafka::Offset from) override {
    started[partition.partition] = from;
    return absl::OkStatus();
  }
  absl::Status Stop(const kafka::TopicPartition& partition) override {
    started.erase(partition.partition);
    return absl::OkStatus();
  }
  void Poll(size_t, absl::Duration, std::vector<kafka::Message>* messages,
            std::vector<kafka::PartitionError>* of_partitions) override {
    *messages = std::exchange(arrived, {});
    *of_partitions = std::exchange(errors, {});
  }
  uint64_t doubts() const override { return doubt; }
  kafka::Offset CachedEnd(const kafka::TopicPartition&) const override { return -1; }

  std::map<int32_t, kafka::Offset> started;
  std::vector<kafka::Message> arrived;
  std::vector<kafka::PartitionError> errors;
  uint64_t doubt = 0;
};

struct FakeWatch : kafka::TopicWatch {
  const Answer& Poll(uint64_t question) override {
    asked = question;
    return answer;
  }
  void Say(const std::string& id) { answer = {kafka::TopicDescription{kTopic, id, 2}, asked, {}}; }

  uint64_t asked = 0;
  Answer answer;
};

class InputReaderTest : public testing::Test {
 protected:
  InputReaderTest() {
    cluster_.CreateTopic(kTopic, 2);
    EXPECT_TRUE(cluster_.Fill({kTopic, 0}, {"a", "b", "c"}).ok());
    EXPECT_TRUE(cluster_.Fill({kTopic, 1}, {"x"}).ok());
    admin_ = *kafka::Admin::Create(cluster_.config());
    auto consumer = std::make_unique<FakeConsumer>();
    consumer_ = consumer.get();
    reader_ = std::make_unique<InputReader>(kTopic, std::move(consumer), &watch_, &waker_);
  }

  /// All messages of the partition arrive.
  void Arrive(int32_t partition) {
    std::vector<kafka::Message> all = *admin_->Read({kTopic, partition}, 0, 10, kLimit);
    for (kafka::Message& message : all) consumer_->arrived.push_back(std::move(message));
  }

  /// The values that the reader gives out; its faults are added to faults_.
  std::vector<std::string> Poll() {
    std::vector<kafka::Message> messages;
    reader_->Poll(&messages, &faults_);
    std::vector<std::string> values;
    for (const kafka::Message& message : messages) values.emplace_back(*message.value());
    return values;
  }

  kafka::TestCluster cluster_;
  std::unique_ptr<kafka::Admin> admin_;
  kafka::Waker waker_;
  FakeWatch watch_;
  FakeConsumer* consumer_;
  std::unique_ptr<InputReader> reader_;
  std::vector<Fault> faults_;
};

TEST_F(InputReaderTest, GivesOutWhatWasAskedFor) {
  ASSERT_TRUE(reader_->Open(0, 1, "").ok());
  EXPECT_EQ(consumer_->started.at(0), 1);
  Arrive(0);  // the first is of an earlier opening
  Arrive(1);  // which is not open
  EXPECT_THAT(Poll(), ElementsAre("b", "c"));
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(InputReaderTest, ReadsAgainFromFurtherBack) {
  ASSERT_TRUE(reader_->Open(0, 2, "").ok());
  ASSERT_TRUE(reader_->ReadFrom(0, 0).ok());
  EXPECT_EQ(consumer_->started.at(0), 0);
  Arrive(0);
  EXPECT_THAT(Poll(), ElementsAre("a", "b", "c"));
}

TEST_F(InputReaderTest, WhatHasBeenReadIsGivenOutThoughNoMoreIsFetched) {
  ASSERT_TRUE(reader_->Open(0, 0, "").ok());
  Arrive(0);
  reader_->StopFetching(0);
  EXPECT_THAT(consumer_->started, IsEmpty());
  EXPECT_THAT(Poll(), ElementsAre("a", "b", "c"));
}

TEST_F(InputReaderTest, InDoubtItWaitsUntilTheLogIsKnown) {
  ASSERT_TRUE(reader_->Open(0, 0, "one").ok());
  consumer_->doubt = 1;
  Arrive(0);
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_EQ(watch_.asked, 1u);
  watch_.Say("one");
  EXPECT_THAT(Poll(), ElementsAre("a", "b", "c"));
  Arrive(0);
  EXPECT_THAT(Poll(), ElementsAre("a", "b", "c")) << "that doubt has been answered";
  consumer_->doubt = 2;
  Arrive(0);
  EXPECT_THAT(Poll(), IsEmpty()) << "an answer to an earlier question";
  watch_.Say("one");
  EXPECT_THAT(Poll(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(InputReaderTest, NothingOfAnotherLogIsGivenOut) {
  ASSERT_TRUE(reader_->Open(0, 0, "one").ok());
  ASSERT_TRUE(reader_->Open(1, 0, "two").ok());
  consumer_->doubt = 1;
  Arrive(0);
  Arrive(1);
  EXPECT_THAT(Poll(), IsEmpty());
  watch_.Say("two");
  EXPECT_THAT(Poll(), ElementsAre("x"));
  ASSERT_EQ(faults_.size(), 1u);
  EXPECT_EQ(faults_[0].partition, 0);
  EXPECT_EQ(faults_[0].status, absl::UnavailableError("the input topic was recreated"));
  EXPECT_FALSE(consumer_->started.contains(0));
  EXPECT_TRUE(consumer_->started.contains(1));
}

TEST_F(InputReaderTest, WhatWaitsIsDroppedWhenItsPartitionIsOpenedAgain) {
  ASSERT_TRUE(reader_->Open(0, 0, "one").ok());
  ASSERT_TRUE(reader_->Open(1, 0, "one").ok());
  consumer_->doubt = 1;
  Arrive(0);
  Arrive(1);
  EXPECT_THAT(Poll(), IsEmpty());
  ASSERT_TRUE(reader_->Open(0, 0, "one").ok());
  watch_.Say("one");
  EXPECT_THAT(Poll(), ElementsAre("x"));
}

TEST_F(InputReaderTest, AnErrorClosesThePartitionUnlessItPasses) {
  ASSERT_TRUE(reader_->Open(0, 0, "").ok());
  ASSERT_TRUE(reader_->Open(1, 0, "").ok());
  consumer_->errors = {{{kTopic, 0}, absl::DataLossError("offset out of range")},
                       {{kTopic, 1}, absl::UnavailableError("passing")}};
  Arrive(0);
  Arrive(1);
  EXPECT_THAT(Poll(), ElementsAre("x"));
  ASSERT_EQ(faults_.size(), 1u);
  EXPECT_EQ(faults_[0].partition, 0);
  EXPECT_EQ(faults_[0].status, absl::UnavailableError("offset out of range"))
      << "opening it again finds out what it is";
}

}  // namespace
}  // namespace sluice::stage
