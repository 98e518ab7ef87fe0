#include "metrics/declarations.h"

#include <algorithm>

#include "base/strings.h"

namespace sluice::metrics {
namespace {

constexpr size_t Count(CounterId) { return static_cast<size_t>(CounterId::kCount); }
constexpr size_t Count(GaugeId) { return static_cast<size_t>(GaugeId::kCount); }
constexpr size_t Count(HistogramId) { return static_cast<size_t>(HistogramId::kCount); }

// In the order of the identifiers.
constexpr Declaration kCounters[] = {
    {"sluice_records_received_total",
     "Records (or messages of an internal topic) taken from the input.",
     {"pipeline", "stage", "topic", "partition"}},
    {"sluice_received_bytes_total",
     "Bytes of values taken from the input.",
     {"pipeline", "stage", "topic"}},
    {"sluice_records_total",
     "Source records given a verdict (stages) or committed (sinks).",
     {"pipeline", "stage", "partition", "verdict"}},
    {"sluice_corrupt_records_total",
     "Records that could not become columns.",
     {"pipeline", "reason"}},
    {"sluice_batches_total",
     "Batches emitted and acknowledged (stages) or committed (sinks), without punctuation.",
     {"pipeline", "stage", "partition"}},
    {"sluice_emitted_bytes_total", "Bytes of acknowledged batches.", {"pipeline", "stage"}},
    {"sluice_repeated_records_total",
     "Records skipped because they had been accounted for already.",
     {"pipeline", "stage", "partition"}},
    {"sluice_coverage_gaps_total", "Gaps found in the input.", {"pipeline", "stage", "partition"}},
    {"sluice_ignored_messages_total",
     "Messages of an internal topic that are not a batch of this pipeline.",
     {"pipeline", "stage", "reason"}},
    {"sluice_partition_openings_total",
     "Partitions taken over and positioned.",
     {"pipeline", "stage"}},
    {"sluice_produce_failures_total",
     "Batches whose delivery failed or is unknown; the own end is read again.",
     {"pipeline", "stage"}},
    {"sluice_rule_evaluations_total", "Records a rule was evaluated for.", {"pipeline", "rule"}},
    {"sluice_rule_failures_total",
     "Records that break a rule.",
     {"pipeline", "rule", "severity", "dimension"}},
    {"sluice_metric_windows_total",
     "Windows that a metric of the contract was measured over.",
     {"pipeline", "rule"}},
    {"sluice_metric_failures_total",
     "Windows in which a metric of the contract misses its threshold.",
     {"pipeline", "rule", "severity", "dimension"}},
    {"sluice_metric_late_records_total",
     "Records in no window of event time, because their own had closed; counted when the next one "
     "closes.",
     {"pipeline"}},
    {"sluice_breaker_trips_total",
     "Times the breaker stopped a partition, by the rule that the record breaks.",
     {"pipeline", "rule"}},
    {"sluice_late_records_total", "Records later than the watermark.", {"pipeline"}},
    {"sluice_duplicate_records_total",
     "Records that repeat an earlier one by their key.",
     {"pipeline"}},
    {"sluice_dead_letters_total",
     "Rows a sink refused, kept as dead letters.",
     {"pipeline", "sink", "reason"}},
    {"sluice_sink_commits_total", "Commits of a sink.", {"pipeline", "sink"}},
    {"sluice_sink_retries_total",
     "Commits or takeovers tried again because the sink did not answer.",
     {"pipeline", "sink"}},
    {"sluice_sink_fences_total",
     "Commits refused because the partition has a newer owner.",
     {"pipeline", "sink"}},
    {"sluice_sink_rejected_records_total",
     "Source records of which a sink refused a row.",
     {"pipeline", "sink"}},
    {"sluice_contract_reloads_total",
     "Contract files read again, by result.",
     {"pipeline", "result"}},
    {"sluice_simulated_records_total",
     "Records generated, by injected fault.",
     {"pipeline", "fault"}},
    {"sluice_delivered_records_total", "Records acknowledged by Kafka.", {"pipeline", "partition"}},
    {"sluice_delivery_failures_total",
     "Deliveries that failed or timed out, to be tried again.",
     {"pipeline"}},
    {"sluice_published_records_total",
     "Records accepted from outside, durably spooled.",
     {"pipeline"}},
    {"sluice_kafka_requests_total", "Requests sent to Kafka's brokers.", {"client"}},
    {"sluice_kafka_request_errors_total",
     "Requests to Kafka's brokers that failed or were not answered in time.",
     {"client"}},
    {"sluice_kafka_disconnects_total",
     "Connections to Kafka's brokers that were lost.",
     {"client"}},
};
static_assert(std::size(kCounters) == Count(CounterId{}));

constexpr Declaration kGauges[] = {
    {"sluice_open_gaps",
     "Partitions with a gap that nothing has closed yet.",
     {"pipeline", "stage"}},
    {"sluice_owned_partitions", "Partitions this process owns.", {"pipeline", "stage"}},
    {"sluice_paused_partitions", "Owned partitions paused by an operator.", {"pipeline", "stage"}},
    {"sluice_blocked_partitions",
     "Owned partitions that wait for Kafka or a sink.",
     {"pipeline", "stage"}},
    {"sluice_stopped_partitions", "Owned partitions that need an operator.", {"pipeline", "stage"}},
    {"sluice_breaker_open_partitions",
     "Owned partitions that the breaker has stopped.",
     {"pipeline", "stage"}},
    {"sluice_source_lag_records",
     "Input records (or messages) not read yet.",
     {"pipeline", "stage", "partition"}},
    {"sluice_position_offset",
     "Source offset up to which the stage has accounted for the partition.",
     {"pipeline", "stage", "partition"}},
    {"sluice_watermark_timestamp_seconds",
     "Event time below which no more records are expected.",
     {"pipeline", "stage", "partition"}},
    {"sluice_metric_value",
     "Value of a metric of the contract in the last window of a partition.",
     {"pipeline", "rule", "partition"}},
    {"sluice_newest_event_timestamp_seconds",
     "Event time of the newest record that has landed.",
     {"pipeline", "stage", "partition"}},
    {"sluice_freshness_objective_seconds",
     "How old the newest record that has landed may be, says the contract.",
     {"pipeline", "stage"}},
    {"sluice_last_record_timestamp_seconds",
     "When the last record was processed.",
     {"pipeline", "stage"}},
    {"sluice_queue_bytes",
     "Bytes held in memory between input and acknowledgement.",
     {"pipeline", "stage"}},
    {"sluice_spool_records",
     "Records in the durable spool that Kafka has not acknowledged.",
     {"pipeline"}},
    {"sluice_spool_bytes", "Size of the durable spool.", {"pipeline"}},
    {"sluice_kafka_round_trip_seconds",
     "Mean round trip to the slowest of Kafka's brokers, over the last seconds.",
     {"client"}},
    {"sluice_kafka_waiting_messages",
     "Messages that a producer has not delivered yet.",
     {"client"}},
    {"sluice_build_info", "Always 1; what is running.", {"service", "version"}},
};
static_assert(std::size(kGauges) == Count(GaugeId{}));

constexpr Declaration kHistograms[] = {
    {"sluice_end_to_end_latency_seconds",
     "From the record's Kafka timestamp to its commit.",
     {"pipeline", "sink"}},
    {"sluice_stage_latency_seconds",
     "From taking a record (or batch) to the acknowledgement of what became of it.",
     {"pipeline", "stage"}},
    {"sluice_produce_duration_seconds",
     "From sending a batch to its acknowledgement.",
     {"pipeline", "stage"}},
    {"sluice_batch_records", "Source records in an emitted batch.", {"pipeline", "stage"}},
    {"sluice_sink_commit_duration_seconds", "Duration of a sink's commit.", {"pipeline", "sink"}},
    {"sluice_sink_commit_records", "Source records in one commit.", {"pipeline", "sink"}},
};
static_assert(std::size(kHistograms) == Count(HistogramId{}));

std::string Line(const Declaration& declaration, std::string_view type) {
  std::string labels;
  for (const std::string_view label : declaration.labels) {
    if (!label.empty()) Append(&labels, labels.empty() ? "" : ",", label);
  }
  return Concat(declaration.name, " ", type, " {", labels, "} ", declaration.help);
}

}  // namespace

size_t Declaration::label_count() const {
  return static_cast<size_t>(std::find(labels.begin(), labels.end(), std::string_view()) -
                             labels.begin());
}

const Declaration& Declare(CounterId id) { return kCounters[static_cast<size_t>(id)]; }
const Declaration& Declare(GaugeId id) { return kGauges[static_cast<size_t>(id)]; }
const Declaration& Declare(HistogramId id) { return kHistograms[static_cast<size_t>(id)]; }

const std::vector<double>& Buckets(HistogramId id) {
  static const std::vector<double>* const seconds = new std::vector<double>{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900};
  static const std::vector<double>* const records = new std::vector<double>{
      1, 10, 100, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000};
  return id == HistogramId::kBatchRecords || id == HistogramId::kSinkCommitRecords ? *records
                                                                                   : *seconds;
}

std::vector<std::string> DescribeAll() {
  std::vector<std::string> lines;
  for (const Declaration& counter : kCounters) lines.push_back(Line(counter, "counter"));
  for (const Declaration& gauge : kGauges) lines.push_back(Line(gauge, "gauge"));
  for (const Declaration& histogram : kHistograms) lines.push_back(Line(histogram, "histogram"));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace sluice::metrics
