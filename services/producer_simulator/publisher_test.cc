#include "producer_simulator/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "producer_simulator/temporary_folder_for_test.h"

namespace sluice::producer_simulator {
namespace {

using ::testing::ElementsAre;

OutsideRecord Outside(const std::string& id, const std::string& value = "{}") {
  OutsideRecord record;
  record.id = id;
  record.value = value;
  return record;
}

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest() { publisher_.Open("run", 4, 10'000); }

  TemporaryFolder folder_;
  std::unique_ptr<Spool> spool_ = *Spool::Open(folder_.File("spool"), Spool::Options());
  Publisher publisher_{spool_.get(), metrics::Counter()};
};

TEST_F(PublisherTest, MakesIdsOfTheSpoolsNumbers) {
  EXPECT_THAT(*publisher_.Publish({Outside(""), Outside("mine"), Outside("")}),
              ElementsAre("run-p0", "mine", "run-p2"));
  EXPECT_THAT(*publisher_.Publish({Outside("")}), ElementsAre("run-p3"));
  EXPECT_EQ(spool_->next_record(), 4);
}

TEST_F(PublisherTest, ARepeatedIdIsStoredOnce) {
  ASSERT_TRUE(publisher_.Publish({Outside("a"), Outside("a")}).ok());
  EXPECT_THAT(*publisher_.Publish({Outside("a"), Outside("b")}), ElementsAre("a", "b"));
  EXPECT_EQ(spool_->next_record(), 2);
  // A new process knows those that are still in the spool.
  Publisher next(spool_.get(), metrics::Counter());
  ASSERT_TRUE(next.RememberSpooled().ok());
  next.Open("run", 4, 10'000);
  EXPECT_TRUE(next.Publish({Outside("b")}).ok());
  EXPECT_EQ(spool_->next_record(), 2);
}

TEST_F(PublisherTest, AllOrNothing) {
  OutsideRecord nowhere = Outside("x");
  nowhere.partition = 4;
  OutsideRecord forged = Outside("y");
  forged.headers["sluice-record-id"] = "z";
  for (const OutsideRecord& wrong :
       {Outside("has space"), Outside("run-g5"), Outside(std::string(129, 'i')),
        Outside("big", std::string(10'000, 'v')), nowhere, forged}) {
    EXPECT_EQ(publisher_.Publish({Outside("good"), wrong}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(publisher_.Publish({}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(spool_->next_record(), 0);
  EXPECT_TRUE(publisher_.Publish({Outside("good")}).ok());
}

TEST_F(PublisherTest, NothingIsAcceptedBeforeTheTopicIsKnown) {
  Publisher closed(spool_.get(), metrics::Counter());
  EXPECT_EQ(closed.Publish({Outside("")}).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace sluice::producer_simulator
