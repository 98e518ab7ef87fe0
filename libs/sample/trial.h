#pragma once
// A contract tried on a sample: RecordParser and RuleEvaluator, the engine of the services, over a
// file instead of a topic.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "batch/coverage.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "contract/window_size.h"
#include "record/record_parser.h"
#include "sample/sample.h"

namespace sluice::sample {

/// A record that a reason or rule is about.
struct Example {
  int64_t line = 0;
  std::string column;                ///< of a corrupt record: the column or object it is about
  std::optional<std::string> value;  ///< what the rule looked at (nothing: null), or the beginning
                                     ///< of a corrupt record
};

struct ReasonCheck {
  int64_t records = 0;
  std::vector<Example> examples;
};

struct RuleCheck {
  int64_t evaluated = 0;
  int64_t failed = 0;
  std::vector<Example> examples;
};

/// A window of the sample in which a metric misses its threshold.
struct MetricExample {
  int64_t first_line = 0;  ///< of source offsets,
  int64_t last_line = 0;
  std::optional<int64_t> start_us;  ///< or of event time
  double value = 0;
};

/// What a metric of the contract is over the windows of the sample.
struct MetricCheck {
  int64_t windows = 0;
  int64_t failed = 0;  ///< of them, those whose value misses the threshold
  double lowest = 0;   ///< value in any window
  double highest = 0;
  std::vector<MetricExample> examples;
};

struct CheckTable {
  int64_t records = 0;
  batch::Counts verdicts{};
  int64_t warned = 0;                ///< clean records that break a rule with action `warn`
  std::vector<ReasonCheck> reasons;  ///< by batch::Reason
  std::vector<RuleCheck> rules;      ///< in the order of the contract's
  std::vector<MetricCheck> metrics;  ///< in the order of the contract's
  std::optional<int64_t> late;       ///< with windows of event time: records whose own had closed

  int64_t Count(batch::Verdict verdict) const { return verdicts[static_cast<size_t>(verdict)]; }
};

/// What became of one record.
struct RecordVerdict {
  int64_t line = 0;
  batch::Verdict verdict = batch::Verdict::kClean;
  std::optional<batch::Reason> reason;
  // Both are valid during the call.
  std::string_view column;        ///< the column or object that `reason` is about
  std::string_view failed_rules;  ///< their bits, see rules::IsBroken; empty: the record has no
                                  ///< columns
};

struct TrialOptions {
  record::Limits limits;
  int64_t timestamp_ms = 0;  ///< what `_timestamp` is for every record
  size_t examples = 3;       ///< of each reason, rule and metric
  /// Of the metrics; what is left at the end of the sample is no window, as in qc. None: the whole
  /// sample is one.
  std::optional<contract::WindowSize> window;
  absl::Duration watermark_delay;  ///< of windows of event time,
  std::string event_time_column;   ///< which is this one's
  /// Called for every record, in order.
  std::function<void(const RecordVerdict&)> each = nullptr;
};

/// Judge every record of `sample`. kInvalidArgument as Sample::Next.
absl::StatusOr<CheckTable> TryContract(std::shared_ptr<const contract::Contract> contract,
                                       const TrialOptions& options, Sample* sample);

}  // namespace sluice::sample
