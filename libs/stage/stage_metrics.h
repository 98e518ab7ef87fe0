#pragma once
// What a stage counts, in the words of the metric table (libs/metrics/declarations.h).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "batch/coverage.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "metrics/metrics.h"

namespace sluice::stage {

/// One per pipeline and stage; for the loop's thread. Series exist at 0 from the moment a partition
/// is owned.
class StageMetrics {
 public:
  StageMetrics(std::string pipeline, std::string stage, std::string input_topic);

  void Own(int32_t partition);
  void Disown(int32_t partition);
  void Opened() { openings_.Increment(); }

  /// Records (stages that parse) or records of accepted batches.
  void Received(int32_t partition, int64_t records);
  /// Bytes of values taken from the input.
  void ReceivedBytes(int64_t bytes) { received_bytes_.Increment(bytes); }
  /// Bytes of an acknowledged batch.
  void EmittedBytes(int64_t bytes) { emitted_bytes_.Increment(bytes); }
  /// A batch was acknowledged, or `counts` committed.
  void Emitted(int32_t partition, const batch::Counts& counts);
  void Corrupt(batch::Reason reason) { corrupt_[static_cast<size_t>(reason)].Increment(); }
  void Repeated(int32_t partition, int64_t records) { At(partition).repeated.Increment(records); }
  enum class Ignore { kNoBatch, kOtherPipeline, kUnreadable };
  /// A message in an internal topic that cannot be taken for a batch of this pipeline.
  void Ignored(Ignore why) { ignored_[static_cast<size_t>(why)].Increment(); }
  void GapOpened(int32_t partition);
  void GapClosed(int32_t partition);
  void ProduceFailed() { produce_failures_.Increment(); }
  void ProduceDuration(absl::Duration duration) { produce_duration_.Observe(duration); }
  void StageLatency(absl::Duration latency) { stage_latency_.Observe(latency); }
  void Lag(int32_t partition, int64_t behind) {
    At(partition).lag.Set(static_cast<double>(behind));
  }
  void Position(int32_t partition, int64_t next) {
    At(partition).position.Set(static_cast<double>(next));
  }
  void Watermark(int32_t partition, int64_t micros) {
    At(partition).watermark.Set(static_cast<double>(micros) * 1e-6);
  }
  /// Event time of the newest record of a partition that has landed in a sink.
  void NewestEvent(int32_t partition, int64_t micros);
  /// How old it may be; nothing: the contract does not say.
  void FreshnessObjective(std::optional<absl::Duration> objective);
  void PartitionStates(int64_t paused, int64_t blocked, int64_t stopped, int64_t tripped);
  /// The breaker has been tripped by a record that breaks `rule`, or by a corrupt one.
  void BreakerTripped(const std::string& rule);

  /// A sink's part of the table; its series appear with the first call.
  void Sink(const std::string& sink);
  void SinkCommit(absl::Duration duration, int64_t records, int64_t rejected);
  void SinkRetry() { sink_retries_.Increment(); }
  void SinkFenced() { sink_fences_.Increment(); }
  void EndToEndLatency(absl::Duration latency, int64_t records) {
    end_to_end_.Observe(latency, records);
  }

  /// The rules of a contract: their series appear at 0.
  void Rules(const contract::Contract& contract);
  void RuleEvaluated(const std::string& rule, int64_t records, int64_t failures);
  /// A metric of the contract was measured over a window of the partition.
  void MetricMeasured(int32_t partition, const std::string& metric, double value, bool failed);
  /// Records are in no window of event time, because their own had closed.
  void MetricLateRecords(int64_t records) { metric_late_.Increment(records); }

 private:
  struct Partition {
    metrics::Counter received, batches, repeated, gaps;
    std::vector<metrics::Counter> records;  // by verdict
    metrics::Gauge lag, position, watermark;
  };
  struct Rule {
    metrics::Counter evaluations, failures, trips;
  };
  struct Metric {
    metrics::Counter windows, failures;
  };
  Partition& At(int32_t partition) { return partitions_.at(partition); }

  metrics::Registry& registry_;
  const std::string pipeline_, stage_, input_topic_;
  std::map<int32_t, Partition> partitions_;
  std::set<int32_t> open_gaps_;
  std::map<std::string, Rule> rules_;
  std::map<std::string, Metric> metrics_;
  std::vector<metrics::Counter> corrupt_, ignored_;
  metrics::Counter received_bytes_, emitted_bytes_, openings_, produce_failures_, sink_commits_,
      sink_retries_, sink_fences_, sink_rejected_, corrupt_trips_, metric_late_;
  metrics::Gauge owned_, paused_, blocked_, stopped_, tripped_, gaps_, last_record_;
  metrics::Histogram produce_duration_, stage_latency_, batch_records_, end_to_end_, sink_duration_,
      sink_records_;
};

}  // namespace sluice::stage
