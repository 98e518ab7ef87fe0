#include "sluicectl/operate/status_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "absl/time/time.h"

namespace sluice::sluicectl {
namespace {

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A partition that runs, one with a gap, a pipeline without partitions, a process that is away.
std::vector<Process> Processes() {
  std::vector<Process> processes(2);
  admin::v1::GetStatusResponse status;
  status.set_service("qc");
  status.set_version("1.0.0");
  status.set_log_level("info");
  auto* pipeline = status.add_pipelines();
  pipeline->set_pipeline("telemetry");
  pipeline->set_generation(2);
  pipeline->set_stage("checked");
  pipeline->set_instance_id("qc-1");
  pipeline->set_state("running");
  pipeline->set_uptime_ms(61000);
  pipeline->set_freshness_ms(420500);
  pipeline->set_freshness_objective_ms(300000);
  auto* running = pipeline->add_partitions();
  running->set_partition(0);
  running->set_state(admin::v1::PARTITION_STATE_RUNNING);
  running->set_next(1000);
  running->set_lag(3);
  running->set_repeated_records(7);
  running->set_watermark_us(1710057003003000);
  running->set_idle(true);
  running->set_contract_version("1.0.0");
  running->set_contract_hash("2d27");
  (*running->mutable_verdicts())["clean"] = 900;
  (*running->mutable_verdicts())["failed"] = 100;
  auto* gap = pipeline->add_partitions();
  gap->set_partition(1);
  gap->set_state(admin::v1::PARTITION_STATE_GAP);
  gap->set_next(-1);
  gap->set_origin(-1);
  gap->set_lag(-1);
  gap->set_gap_first(50);
  gap->set_gap_next(70);
  gap->set_error("records are missing");
  auto* starting = status.add_pipelines();
  starting->set_pipeline("orders");
  starting->set_state("starting");
  processes[0].endpoint = "127.0.0.1:7103";
  processes[0].status = status;
  processes[1].endpoint = "127.0.0.1:7104";
  processes[1].status = absl::UnavailableError("connection refused");
  return processes;
}

TEST(StatusViewTest, JsonIsWhatItWas) {
  std::vector<Process> processes = Processes();
  EXPECT_EQ(StatusJson(processes, "").Dump() + "\n",
            ReadAll("tests/data/sluicectl/status.golden.json"))
      << "programs read this: fields may be added, not renamed";
}

TEST(StatusViewTest, TheManualHasEveryField) {
  const std::string manual = ReadAll("docs/status-json.md");
  std::vector<Process> processes = Processes();
  const std::string json = StatusJson(processes, "").Dump();
  const std::regex name("\"([a-z_]+)\":");
  std::set<std::string> names;
  for (std::sregex_iterator it(json.begin(), json.end(), name), end; it != end; ++it)
    names.insert((*it)[1]);
  for (const char* verdict : {"clean", "failed"}) names.erase(verdict);
  EXPECT_GE(names.size(), 25u);
  for (const std::string& field : names)
    EXPECT_THAT(manual, testing::HasSubstr("\n| `" + field + "` | "));
}

TEST(StatusViewTest, RatesComeWithTheSecondLook) {
  std::vector<Process> processes = Processes();
  RateMeter rates;
  rates.Sample(processes, absl::FromUnixSeconds(100));
  const Target target{&processes[0], &processes[0].status->pipelines(0)};
  EXPECT_EQ(rates.Rate(target, 0), std::nullopt);
  (*processes[0].status->mutable_pipelines(0)->mutable_partitions(0)->mutable_verdicts())["clean"] =
      1900;
  rates.Sample(processes, absl::FromUnixSeconds(104));
  EXPECT_EQ(rates.Rate(target, 0), 250.0);
  EXPECT_EQ(rates.Rate(target, 1), 0.0);
  const std::string table = StatusTable(processes, "telemetry", &rates).ToText();
  EXPECT_THAT(table, testing::HasSubstr("PER SECOND"));
  EXPECT_THAT(table, testing::ContainsRegex("telemetry +checked +0 +running +1000 +3 +2000 +250 "));
}

}  // namespace
}  // namespace sluice::sluicectl
