#pragma once
// Every metric of every process, once: its name, help and labels. tests/data/metrics.golden follows
// from this table. A new metric: one identifier here, one row in declarations.cc, one line in the
// golden file.
//
// Names: prefix `sluice_`, base units (seconds, bytes), `_total` on counters. Labels: closed sets
// only, in the order in which the caller gives their values; never keys, offsets or texts from
// records.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::metrics {

enum class CounterId : uint8_t {
  kRecordsReceived,
  kReceivedBytes,
  kRecords,
  kCorruptRecords,
  kBatches,
  kEmittedBytes,
  kRepeatedRecords,
  kCoverageGaps,
  kIgnoredMessages,
  kPartitionOpenings,
  kProduceFailures,
  kRuleEvaluations,
  kRuleFailures,
  kMetricWindows,
  kMetricFailures,
  kMetricLateRecords,
  kBreakerTrips,
  kLateRecords,
  kDuplicateRecords,
  kDeadLetters,
  kSinkCommits,
  kSinkRetries,
  kSinkFences,
  kSinkRejectedRecords,
  kContractReloads,
  kSimulatedRecords,
  kDeliveredRecords,
  kDeliveryFailures,
  kPublishedRecords,
  kKafkaRequests,
  kKafkaRequestErrors,
  kKafkaDisconnects,
  kCount,
};

enum class GaugeId : uint8_t {
  kOpenGaps,
  kOwnedPartitions,
  kPausedPartitions,
  kBlockedPartitions,
  kStoppedPartitions,
  kBreakerOpenPartitions,
  kSourceLagRecords,
  kPositionOffset,
  kWatermarkTimestamp,
  kMetricValue,
  kNewestEventTimestamp,
  kFreshnessObjective,
  kLastRecordTimestamp,
  kQueueBytes,
  kSpoolRecords,
  kSpoolBytes,
  kKafkaRoundTrip,
  kKafkaWaitingMessages,
  kBuildInfo,
  kCount,
};

enum class HistogramId : uint8_t {
  kEndToEndLatency,
  kStageLatency,
  kProduceDuration,
  kBatchRecords,
  kSinkCommitDuration,
  kSinkCommitRecords,
  kCount,
};

inline constexpr size_t kMaxLabels = 4;

struct Declaration {
  std::string_view name;
  std::string_view help;
  std::array<std::string_view, kMaxLabels> labels{};  ///< empty from the end on

  size_t label_count() const;
};

const Declaration& Declare(CounterId id);
const Declaration& Declare(GaugeId id);
const Declaration& Declare(HistogramId id);
/// Upper bounds of the buckets, ascending.
const std::vector<double>& Buckets(HistogramId id);

/// One line per metric, sorted: `name type {label,label} help`.
std::vector<std::string> DescribeAll();

}  // namespace sluice::metrics
