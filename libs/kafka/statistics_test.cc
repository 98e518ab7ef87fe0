#include "kafka/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/metrics.h"

namespace sluice::kafka::internal {
namespace {

using metrics::CounterId;
using metrics::GaugeId;

int64_t Count(CounterId id) { return metrics::Registry::Process().Get(id, {"producer"}).Value(); }
double Gauge(GaugeId id) { return metrics::Registry::Process().Get(id, {"producer"}).Value(); }

TEST(StatisticsTest, CountersRiseThoughClientsComeAndGo) {
  const int64_t before = Count(CounterId::kKafkaRequests);
  TakeStatistics(Role::kProducer, "first", R"({"msg_cnt": 3, "brokers": {
      "a": {"tx": 10, "txerrs": 1, "rxerrs": 2, "req_timeouts": 4, "disconnects": 1, "rtt": {"avg": 1500}},
      "b": {"tx": 5, "rtt": {"avg": 2500}}}})");
  EXPECT_EQ(Count(CounterId::kKafkaRequests) - before, 15);
  EXPECT_EQ(Count(CounterId::kKafkaRequestErrors), 7);
  EXPECT_EQ(Count(CounterId::kKafkaDisconnects), 1);
  EXPECT_EQ(Gauge(GaugeId::kKafkaWaitingMessages), 3);
  EXPECT_DOUBLE_EQ(Gauge(GaugeId::kKafkaRoundTrip), 0.0025);

  TakeStatistics(Role::kProducer, "first", R"({"msg_cnt": 0, "brokers": {"a": {"tx": 30}}})");
  EXPECT_EQ(Count(CounterId::kKafkaRequests) - before, 30);
  // A new producer counts from 0.
  TakeStatistics(Role::kProducer, "second", R"({"msg_cnt": 2, "brokers": {"a": {"tx": 4}}})");
  EXPECT_EQ(Count(CounterId::kKafkaRequests) - before, 34);
  EXPECT_EQ(Gauge(GaugeId::kKafkaWaitingMessages), 2);
}

TEST(StatisticsTest, ATextThatIsNoneChangesNothing) {
  TakeStatistics(Role::kProducer, "third", R"({"msg_cnt": 7, "brokers": {}})");
  const double waiting = Gauge(GaugeId::kKafkaWaitingMessages);
  TakeStatistics(Role::kProducer, "third", R"({"msg_cnt": 9, "bro)");
  TakeStatistics(Role::kProducer, "third", "");
  EXPECT_EQ(Gauge(GaugeId::kKafkaWaitingMessages), waiting);
}

}  // namespace
}  // namespace sluice::kafka::internal
