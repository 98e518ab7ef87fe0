#pragma once
// A candidate contract beside the live one: both judge the same records by the engine of the
// services, and what differs is counted, with examples.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "record/record_parser.h"
#include "rules/metric_windows.h"
#include "sample/judge.h"
#include "sample/shadow_metrics.h"

namespace sluice::sample {

/// A record of the source topic. Views are borrowed for the call.
struct TopicRecord {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = -1;  ///< -1: none
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
};

/// Where something differs, and what was looked at there.
struct DifferenceExample {
  int32_t partition = 0;
  int64_t offset = 0;
  std::string column;                ///< empty: it is about no single column
  std::optional<std::string> value;  ///< nothing: null
};

/// How often a rule is broken, or a reason given, by either contract.
struct Shift {
  int64_t live = 0;
  int64_t candidate = 0;
  int64_t newly = 0;      ///< by the candidate only
  int64_t no_longer = 0;  ///< by the live contract only
  std::vector<DifferenceExample> newly_examples;
  std::vector<DifferenceExample> no_longer_examples;
};

/// Of a rule id in either contract. A contract without the rule has no action.
struct RuleShift : Shift {
  std::string id;
  std::string column;
  std::optional<contract::Action> live_action;  ///< of the live contract seen last
  std::optional<contract::Action> candidate_action;
};

/// A window of a partition, by its first source offset or by event time, and a metric's value in
/// it.
struct WindowExample {
  int32_t partition = 0;
  int64_t first_offset = 0;
  std::optional<int64_t> start_us;
  double value = 0;
};

/// What a metric id of a contract is over the windows that have ended and may be judged.
struct MetricValues {
  std::string asked;  ///< of the value; of the live contract seen last
  int64_t windows = 0;
  int64_t failed = 0;  ///< of them, those whose value misses the threshold
  double lowest = 0;   ///< value in any window
  double highest = 0;
  std::vector<WindowExample> examples;  ///< of those that fail
};

/// Of a metric id in either contract; nothing: a contract without it.
struct MetricShift {
  std::string id;
  std::string column;
  std::optional<MetricValues> live;
  std::optional<MetricValues> candidate;
};

/// Records whose verdict is one under the live contract and one under the candidate.
struct VerdictPair {
  int64_t records = 0;
  std::vector<DifferenceExample> examples;  ///< when they differ; without column and value
};

struct ShadowReport {
  struct Live {
    std::shared_ptr<const contract::Contract> contract;
    int64_t records = 0;  ///< judged beside it
  };
  int64_t records = 0;
  int64_t differing = 0;  ///< records with another verdict
  /// [live][candidate], by batch::Verdict.
  std::array<std::array<VerdictPair, batch::kVerdictCount>, batch::kVerdictCount> verdicts;
  std::vector<Shift> reasons;        ///< by batch::Reason
  std::vector<RuleShift> rules;      ///< the candidate's in its order, then those of live ones only
  std::vector<MetricShift> metrics;  ///< likewise
  std::vector<Live> live;            ///< in the order of their appearance
};

struct ShadowOptions {
  record::Limits limits;
  size_t examples = 3;  ///< of each kind of difference
  /// Over which metrics are measured; nothing: they are not.
  std::optional<rules::MetricWindows> windows = std::nullopt;
};

/// One thread. Memory: a batch per contract, what open windows remember, and the report.
class Shadow {
 public:
  Shadow(std::shared_ptr<const contract::Contract> candidate, const ShadowOptions& options);

  /// Judge `record` by the candidate and by `live`, the contract in force at it.
  absl::Status Add(const std::shared_ptr<const contract::Contract>& live,
                   const TopicRecord& record);
  /// Take into the report what has been added so far.
  absl::Status Flush();
  /// As of the last Flush.
  const ShadowReport& report() const { return report_; }

 private:
  /// A rule of the report in both contracts; -1: a contract does not have it.
  struct RulePair {
    int live = -1;
    int candidate = -1;
    size_t shift = 0;  ///< index into ShadowReport::rules
  };
  struct Side {
    Side(const std::shared_ptr<const contract::Contract>& contract, const ShadowOptions& options)
        : judge(contract, options.limits) {
      if (options.windows) metrics.emplace(contract, &*options.windows);
    }
    Judge judge;
    std::optional<ShadowMetrics> metrics;
    size_t index = 0;             ///< in ShadowReport::live
    std::vector<RulePair> rules;  ///< of this live contract and the candidate
  };
  /// Of the batch.
  struct Row {
    int32_t partition;
    int64_t offset;
    bool live_columns;
    bool candidate_columns;
  };

  Side* SideOf(const std::shared_ptr<const contract::Contract>& live);
  void PairRules(Side* side);
  size_t FindShift(const std::string& id, const std::string& column);
  MetricShift& FindMetric(const contract::Metric& metric);
  void ListMetrics(const contract::Contract& contract,
                   std::optional<MetricValues> MetricShift::*values);
  absl::Status CountMetrics(Side* side, std::optional<MetricValues> MetricShift::*values);
  void CountReasons(const TopicRecord& record, const record::Judgement& live,
                    const record::Judgement& candidate);
  void AddReason(const TopicRecord& record, const contract::Contract& contract,
                 const record::Judgement& judgement, std::vector<DifferenceExample>* examples);
  void CountRow(size_t index);
  void CountRules(size_t index);
  void AddRule(const Row& row, size_t index, const Judge& judge, int rule,
               std::vector<DifferenceExample>* examples);

  const ShadowOptions options_;
  Side candidate_;
  std::map<std::string, Side> sides_;      // by content hash
  std::map<int32_t, batch::Offset> next_;  // by partition: behind the last record judged
  Side* side_ = nullptr;                   // of the batch
  std::vector<Row> rows_;
  ShadowReport report_;
};

}  // namespace sluice::sample
