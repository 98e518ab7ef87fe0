#include "stage/stage_metrics.h"

#include <array>
#include <string_view>

#include "base/strings.h"

namespace sluice::stage {
namespace {

using metrics::CounterId;
using metrics::GaugeId;
using metrics::HistogramId;

constexpr std::array<std::string_view, 3> kIgnoreNames = {"no_batch", "other_pipeline",
                                                          "unreadable"};

}  // namespace

StageMetrics::StageMetrics(std::string pipeline, std::string stage, std::string input_topic)
    : registry_(metrics::Registry::Process()),
      pipeline_(std::move(pipeline)),
      stage_(std::move(stage)),
      input_topic_(std::move(input_topic)) {
  corrupt_ = registry_.GetAll(CounterId::kCorruptRecords, {pipeline_}, batch::kReasonNames);
  ignored_ = registry_.GetAll(CounterId::kIgnoredMessages, {pipeline_, stage_}, kIgnoreNames);
  received_bytes_ = registry_.Get(CounterId::kReceivedBytes, {pipeline_, stage_, input_topic_});
  emitted_bytes_ = registry_.Get(CounterId::kEmittedBytes, {pipeline_, stage_});
  openings_ = registry_.Get(CounterId::kPartitionOpenings, {pipeline_, stage_});
  produce_failures_ = registry_.Get(CounterId::kProduceFailures, {pipeline_, stage_});
  owned_ = registry_.Get(GaugeId::kOwnedPartitions, {pipeline_, stage_});
  paused_ = registry_.Get(GaugeId::kPausedPartitions, {pipeline_, stage_});
  blocked_ = registry_.Get(GaugeId::kBlockedPartitions, {pipeline_, stage_});
  stopped_ = registry_.Get(GaugeId::kStoppedPartitions, {pipeline_, stage_});
  tripped_ = registry_.Get(GaugeId::kBreakerOpenPartitions, {pipeline_, stage_});
  gaps_ = registry_.Get(GaugeId::kOpenGaps, {pipeline_, stage_});
  last_record_ = registry_.Get(GaugeId::kLastRecordTimestamp, {pipeline_, stage_});
  produce_duration_ = registry_.Get(HistogramId::kProduceDuration, {pipeline_, stage_});
  stage_latency_ = registry_.Get(HistogramId::kStageLatency, {pipeline_, stage_});
  batch_records_ = registry_.Get(HistogramId::kBatchRecords, {pipeline_, stage_});
}

void StageMetrics::Own(int32_t number) {
  const std::string label = Concat(number);
  Partition& partition = partitions_[number];
  partition.received =
      registry_.Get(CounterId::kRecordsReceived, {pipeline_, stage_, input_topic_, label});
  partition.batches = registry_.Get(CounterId::kBatches, {pipeline_, stage_, label});
  partition.repeated = registry_.Get(CounterId::kRepeatedRecords, {pipeline_, stage_, label});
  partition.gaps = registry_.Get(CounterId::kCoverageGaps, {pipeline_, stage_, label});
  partition.records =
      registry_.GetAll(CounterId::kRecords, {pipeline_, stage_, label}, batch::kVerdictNames);
  partition.lag = registry_.Get(GaugeId::kSourceLagRecords, {pipeline_, stage_, label});
  partition.position = registry_.Get(GaugeId::kPositionOffset, {pipeline_, stage_, label});
  partition.watermark = registry_.Get(GaugeId::kWatermarkTimestamp, {pipeline_, stage_, label});
  owned_.Set(static_cast<double>(partitions_.size()));
}

void StageMetrics::Disown(int32_t number) {
  GapClosed(number);
  const std::string label = Concat(number);
  registry_.Remove(GaugeId::kSourceLagRecords, {pipeline_, stage_, label});
  registry_.Remove(GaugeId::kPositionOffset, {pipeline_, stage_, label});
  registry_.Remove(GaugeId::kWatermarkTimestamp, {pipeline_, stage_, label});
  registry_.Remove(GaugeId::kNewestEventTimestamp, {pipeline_, stage_, label});
  for (const auto& [metric, counters] : metrics_)
    registry_.Remove(GaugeId::kMetricValue, {pipeline_, metric, label});
  partitions_.erase(number);
  owned_.Set(static_cast<double>(partitions_.size()));
}

void StageMetrics::Received(int32_t partition, int64_t records) {
  At(partition).received.Increment(records);
  last_record_.Set(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
}

void StageMetrics::Emitted(int32_t number, const batch::Counts& counts) {
  const int64_t records = batch::Total(counts);
  const auto found = partitions_.find(number);
  if (records == 0 || found == partitions_.end()) return;
  for (size_t verdict = 0; verdict < counts.size(); ++verdict) {
    if (counts[verdict] != 0) found->second.records[verdict].Increment(counts[verdict]);
  }
  found->second.batches.Increment();
  batch_records_.Observe(static_cast<double>(records));
}

void StageMetrics::GapOpened(int32_t partition) {
  At(partition).gaps.Increment();
  open_gaps_.insert(partition);
  gaps_.Set(static_cast<double>(open_gaps_.size()));
}

void StageMetrics::GapClosed(int32_t partition) {
  open_gaps_.erase(partition);
  gaps_.Set(static_cast<double>(open_gaps_.size()));
}

void StageMetrics::NewestEvent(int32_t partition, int64_t micros) {
  registry_.Get(GaugeId::kNewestEventTimestamp, {pipeline_, stage_, Concat(partition)})
      .Set(static_cast<double>(micros) * 1e-6);
}

void StageMetrics::FreshnessObjective(std::optional<absl::Duration> objective) {
  if (objective.has_value()) {
    registry_.Get(GaugeId::kFreshnessObjective, {pipeline_, stage_})
        .Set(absl::ToDoubleSeconds(*objective));
  } else {
    registry_.Remove(GaugeId::kFreshnessObjective, {pipeline_, stage_});
  }
}

void StageMetrics::PartitionStates(int64_t paused, int64_t blocked, int64_t stopped,
                                   int64_t tripped) {
  paused_.Set(static_cast<double>(paused));
  blocked_.Set(static_cast<double>(blocked));
  stopped_.Set(static_cast<double>(stopped));
  tripped_.Set(static_cast<double>(tripped));
}

void StageMetrics::BreakerTripped(const std::string& rule) {
  const auto found = rules_.find(rule);
  if (found == rules_.end()) {
    corrupt_trips_.Increment();
  } else {
    found->second.trips.Increment();
  }
}

void StageMetrics::Sink(const std::string& sink) {
  sink_commits_ = registry_.Get(CounterId::kSinkCommits, {pipeline_, sink});
  sink_retries_ = registry_.Get(CounterId::kSinkRetries, {pipeline_, sink});
  sink_fences_ = registry_.Get(CounterId::kSinkFences, {pipeline_, sink});
  sink_rejected_ = registry_.Get(CounterId::kSinkRejectedRecords, {pipeline_, sink});
  end_to_end_ = registry_.Get(HistogramId::kEndToEndLatency, {pipeline_, sink});
  sink_duration_ = registry_.Get(HistogramId::kSinkCommitDuration, {pipeline_, sink});
  sink_records_ = registry_.Get(HistogramId::kSinkCommitRecords, {pipeline_, sink});
}

void StageMetrics::SinkCommit(absl::Duration duration, int64_t records, int64_t rejected) {
  sink_commits_.Increment();
  sink_rejected_.Increment(rejected);
  sink_duration_.Observe(duration);
  sink_records_.Observe(static_cast<double>(records));
}

void StageMetrics::Rules(const contract::Contract& contract) {
  corrupt_trips_ = registry_.Get(CounterId::kBreakerTrips, {pipeline_, "(corrupt)"});
  for (const contract::Rule& rule : contract.rules) {
    rules_[rule.id] = {registry_.Get(CounterId::kRuleEvaluations, {pipeline_, rule.id}),
                       registry_.Get(CounterId::kRuleFailures,
                                     {pipeline_, rule.id, rule.severity, rule.dimension}),
                       registry_.Get(CounterId::kBreakerTrips, {pipeline_, rule.id})};
  }
  if (!contract.metrics.empty())
    metric_late_ = registry_.Get(CounterId::kMetricLateRecords, {pipeline_});
  for (const contract::Metric& metric : contract.metrics) {
    metrics_[metric.id] = {
        registry_.Get(CounterId::kMetricWindows, {pipeline_, metric.id}),
        registry_.Get(CounterId::kMetricFailures,
                      {pipeline_, metric.id, metric.severity, metric.dimension})};
  }
}

void StageMetrics::MetricMeasured(int32_t partition, const std::string& metric, double value,
                                  bool failed) {
  const auto found = metrics_.find(metric);
  if (found == metrics_.end() || partitions_.count(partition) == 0) return;
  found->second.windows.Increment();
  if (failed) found->second.failures.Increment();
  registry_.Get(GaugeId::kMetricValue, {pipeline_, metric, Concat(partition)}).Set(value);
}

void StageMetrics::RuleEvaluated(const std::string& rule, int64_t records, int64_t failures) {
  const auto found = rules_.find(rule);
  if (found == rules_.end()) return;
  found->second.evaluations.Increment(records);
  if (failures != 0) found->second.failures.Increment(failures);
}

}  // namespace sluice::stage
#include "base/strings.h"
