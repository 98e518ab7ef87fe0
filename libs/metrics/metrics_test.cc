#include "metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace sluice::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RegistryTest, ASeriesExistsFromTheStartAtZero) {
  Registry registry;
  constexpr std::array<std::string_view, 2> kVerdicts = {"clean", "failed"};
  const std::vector<Counter> counters =
      registry.GetAll(CounterId::kRecords, {"telemetry", "checked", "3"}, kVerdicts);
  ASSERT_EQ(counters.size(), 2u);
  counters[1].Increment(5);
  const std::string text = registry.Serialize();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(sluice_records_total{partition="3",pipeline="telemetry",stage="checked",verdict="clean"} 0)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(sluice_records_total{partition="3",pipeline="telemetry",stage="checked",verdict="failed"} 5)"));
}

TEST(RegistryTest, TheSameLabelsAreTheSameSeries) {
  Registry registry;
  registry.Get(CounterId::kSinkCommits, {"p", "postgres"}).Increment();
  registry.Get(CounterId::kSinkCommits, {"p", "postgres"}).Increment();
  EXPECT_EQ(registry.Get(CounterId::kSinkCommits, {"p", "postgres"}).Value(), 2);
  EXPECT_EQ(registry.Get(CounterId::kSinkCommits, {"p", "lake"}).Value(), 0);
}

TEST(RegistryTest, AGaugeCanGo) {
  Registry registry;
  registry.Get(GaugeId::kSourceLagRecords, {"p", "s", "0"}).Set(7);
  EXPECT_THAT(registry.Serialize(), HasSubstr("sluice_source_lag_records{"));
  registry.Remove(GaugeId::kSourceLagRecords, {"p", "s", "0"});
  registry.Remove(GaugeId::kSourceLagRecords, {"p", "s", "1"});
  EXPECT_THAT(registry.Serialize(), Not(HasSubstr("sluice_source_lag_records{")));
}

TEST(RegistryTest, ManyObservationsCountAsMany) {
  Registry registry;
  const Histogram latency = registry.Get(HistogramId::kEndToEndLatency, {"p", "postgres"});
  latency.Observe(absl::Milliseconds(20), 100);
  latency.Observe(absl::Milliseconds(20));
  latency.Observe(3600.0, 2);
  latency.Observe(0.025, 2);  // a bound belongs to its bucket
  latency.Observe(0.025);
  const std::string text = registry.Serialize();
  EXPECT_THAT(text, HasSubstr("le=\"0.01\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.025\"} 104\n"));
  EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 106\n"));
  EXPECT_THAT(text, HasSubstr("_count{pipeline=\"p\",sink=\"postgres\"} 106\n"));
}

TEST(RegistryTest, HandlesWithoutASeriesCountNothing) {
  Counter().Increment();
  Gauge().Set(1);
  Histogram().Observe(1.0, 3);
  EXPECT_EQ(Counter().Value(), 0);
}

TEST(RegistryTest, TellsAboutTheProcess) {
  const std::string text = Registry().Serialize();
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(text, HasSubstr("process_open_fds "));
}

TEST(RegistryDeathTest, AWrongNumberOfLabelsIsADefect) {
  Registry registry;
  EXPECT_DEATH(registry.Get(CounterId::kSinkCommits, {"p"}), "wrong number of labels");
}

}  // namespace
}  // namespace sluice::metrics
