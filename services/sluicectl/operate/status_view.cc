#include "sluicectl/operate/status_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace sluice::sluicectl {
namespace {

namespace pb = admin::v1;

std::string StateName(pb::PartitionState state) {
  constexpr std::string_view kPrefix = "PARTITION_STATE_";
  return absl::AsciiStrToLower(pb::PartitionState_Name(state).substr(kPrefix.size()));
}

int64_t Records(const pb::PartitionStatus& partition) {
  int64_t records = 0;
  for (const auto& [verdict, count] : partition.verdicts()) records += count;
  return records;
}

// "clean 97.1 % failed 2 % corrupt 0.9 %", the most frequent first.
std::string Shares(const pb::PartitionStatus& partition) {
  const int64_t records = Records(partition);
  std::vector<std::pair<int64_t, std::string>> counts;
  for (const auto& [verdict, count] : partition.verdicts()) {
    if (count > 0) counts.emplace_back(count, verdict);
  }
  std::sort(counts.rbegin(), counts.rend());
  std::string text;
  for (const auto& [count, verdict] : counts) {
    const double percent =
        std::round(1000.0 * static_cast<double>(count) / static_cast<double>(records)) / 10;
    Append(&text, text.empty() ? "" : ", ", verdict, " ", percent, "%");
  }
  return text;
}

// "the newest record is 7m old, 5m at most are promised", when it is so.
std::string Staleness(const pb::PipelineStatus& pipeline) {
  if (!pipeline.has_freshness_ms() || !pipeline.has_freshness_objective_ms() ||
      pipeline.freshness_ms() <= pipeline.freshness_objective_ms())
    return "";
  const auto text = [](int64_t milliseconds) {
    return absl::FormatDuration(absl::Trunc(absl::Milliseconds(milliseconds), absl::Seconds(1)));
  };
  return Concat("the newest record is ", text(pipeline.freshness_ms()), " old, ",
                text(pipeline.freshness_objective_ms()), " at most are promised");
}

std::string Trouble(const pb::PartitionStatus& partition) {
  std::string text = partition.error();
  if (partition.has_gap_first()) {
    Append(&text, text.empty() ? "" : "; ", "missing [", partition.gap_first(), ", ",
           partition.gap_next(), ")");
  }
  return text;
}

Json Known(int64_t number) { return number < 0 ? Json() : Json(number); }

template <typename Visit>
void ForEachPipeline(std::vector<Process>& processes, const std::string& name, Visit visit) {
  for (Process& process : processes) {
    if (!process.status.ok()) continue;
    for (const pb::PipelineStatus& pipeline : process.status->pipelines()) {
      if (name.empty() || pipeline.pipeline() == name) visit(Target{&process, &pipeline});
    }
  }
}

Json ToJson(const pb::PartitionStatus& partition) {
  Json verdicts = Json::Object();
  std::vector<std::string> names;
  for (const auto& [verdict, count] : partition.verdicts()) names.push_back(verdict);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) verdicts.Set(name, partition.verdicts().at(name));
  Json json = Json::Object();
  json.Set("partition", partition.partition()).Set("state", StateName(partition.state()));
  json.Set("next", Known(partition.next())).Set("origin", Known(partition.origin()));
  json.Set("lag", Known(partition.lag())).Set("verdicts", std::move(verdicts));
  json.Set("repeated_records", partition.repeated_records());
  json.Set("gap", partition.has_gap_first()
                      ? Json::Array().Add(partition.gap_first()).Add(partition.gap_next())
                      : Json());
  json.Set("watermark_us", partition.has_watermark_us() ? Json(partition.watermark_us()) : Json());
  json.Set("idle", partition.idle()).Set("contract_version", partition.contract_version());
  json.Set("contract_hash", partition.contract_hash()).Set("error", partition.error());
  return json;
}

Json ToJson(const pb::PipelineStatus& pipeline) {
  Json partitions = Json::Array();
  for (const pb::PartitionStatus& partition : pipeline.partitions())
    partitions.Add(ToJson(partition));
  Json json = Json::Object();
  json.Set("pipeline", pipeline.pipeline()).Set("generation", pipeline.generation());
  json.Set("stage", pipeline.stage()).Set("instance_id", pipeline.instance_id());
  json.Set("state", pipeline.state()).Set("error", pipeline.error());
  json.Set("uptime_ms", pipeline.uptime_ms());
  json.Set("freshness_ms", pipeline.has_freshness_ms() ? Json(pipeline.freshness_ms()) : Json());
  json.Set("freshness_objective_ms", pipeline.has_freshness_objective_ms()
                                         ? Json(pipeline.freshness_objective_ms())
                                         : Json());
  json.Set("partitions", std::move(partitions));
  return json;
}

}  // namespace

void RateMeter::Sample(const std::vector<Process>& processes, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(now - sampled_at_);
  std::map<Key, Point> points;
  for (const Process& process : processes) {
    if (!process.status.ok()) continue;
    for (const pb::PipelineStatus& pipeline : process.status->pipelines()) {
      for (const pb::PartitionStatus& partition : pipeline.partitions()) {
        const Key key(process.endpoint, pipeline.pipeline(), pipeline.stage(),
                      partition.partition());
        Point point{Records(partition), std::nullopt};
        const auto before = points_.find(key);
        if (before != points_.end() && seconds > 0 && point.records >= before->second.records) {
          point.rate = static_cast<double>(point.records - before->second.records) / seconds;
        }
        points[key] = point;
      }
    }
  }
  points_ = std::move(points);
  sampled_at_ = now;
}

std::optional<double> RateMeter::Rate(const Target& target, int32_t partition) const {
  const auto point = points_.find(
      {target.process->endpoint, target.pipeline->pipeline(), target.pipeline->stage(), partition});
  return point == points_.end() ? std::nullopt : point->second.rate;
}

Table StatusTable(std::vector<Process>& processes, const std::string& pipeline,
                  const RateMeter* rates) {
  std::vector<std::string> columns = {"endpoint", "service", "pipeline", "stage",  "partition",
                                      "state",    "next",    "lag",      "records"};
  const size_t before_rate = columns.size();
  if (rates != nullptr) columns.push_back("per_second");
  columns.insert(columns.end(), {"verdicts", "trouble"});
  Table table(std::move(columns));
  const auto add = [&](std::vector<Json> cells, std::optional<double> rate, Json verdicts,
                       Json trouble) {
    cells.resize(before_rate);
    if (rates != nullptr) cells.push_back(rate ? Json(std::llround(*rate)) : Json());
    cells.push_back(std::move(verdicts));
    cells.push_back(std::move(trouble));
    table.AddRow(std::move(cells));
  };
  for (const Process& process : processes) {
    if (process.status.ok()) continue;
    add({process.endpoint, Json(), Json(), Json(), Json(), "unreachable"}, std::nullopt, "", "");
  }
  ForEachPipeline(processes, pipeline, [&](const Target& target) {
    const pb::PipelineStatus& status = *target.pipeline;
    const std::vector<Json> head = {target.process->endpoint, target.process->status->service(),
                                    status.pipeline(), status.stage()};
    if (status.partitions().empty()) {
      std::vector<Json> cells = head;
      cells.insert(cells.end(), {Json(), status.state()});
      add(std::move(cells), std::nullopt, "", status.error());
    }
    std::string staleness = Staleness(status);  // of all partitions together: said once
    for (const pb::PartitionStatus& partition : status.partitions()) {
      std::vector<Json> cells = head;
      cells.insert(cells.end(),
                   {partition.partition(), StateName(partition.state()), Known(partition.next()),
                    Known(partition.lag()), Records(partition)});
      const auto rate =
          rates == nullptr ? std::nullopt : rates->Rate(target, partition.partition());
      std::string trouble = Trouble(partition);
      if (!staleness.empty())
        Append(&trouble, trouble.empty() ? "" : "; ", std::exchange(staleness, ""));
      add(std::move(cells), rate, Shares(partition), std::move(trouble));
    }
  });
  return table;
}

Json StatusJson(std::vector<Process>& processes, const std::string& pipeline) {
  Json array = Json::Array();
  for (Process& process : processes) {
    Json json = Json::Object();
    json.Set("endpoint", process.endpoint).Set("reachable", process.status.ok());
    if (process.status.ok()) {
      json.Set("service", process.status->service()).Set("version", process.status->version());
      json.Set("log_level", process.status->log_level());
      Json pipelines = Json::Array();
      for (const pb::PipelineStatus& status : process.status->pipelines()) {
        if (pipeline.empty() || status.pipeline() == pipeline) pipelines.Add(ToJson(status));
      }
      json.Set("pipelines", std::move(pipelines));
    } else {
      json.Set("error", StdView(process.status.status().message()));
    }
    array.Add(std::move(json));
  }
  return array;
}

bool NeedsOperator(const std::vector<Process>& processes, const Settings& settings,
                   const std::string& pipeline) {
  bool any = false;
  for (const Process& process : processes) {
    if (!process.status.ok()) {
      if (settings.endpoints_given) return true;
      continue;
    }
    any = true;
    for (const pb::PipelineStatus& status : process.status->pipelines()) {
      if (!pipeline.empty() && status.pipeline() != pipeline) continue;
      if (status.state() == "failed") return true;
      for (const pb::PartitionStatus& partition : status.partitions()) {
        if (partition.state() == pb::PARTITION_STATE_STOPPED ||
            partition.state() == pb::PARTITION_STATE_TRIPPED || partition.has_gap_first())
          return true;
      }
    }
  }
  return !any;
}

}  // namespace sluice::sluicectl
