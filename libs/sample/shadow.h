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
#include "sample/judge.h"

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
  std::vector<Shift> reasons;    ///< by batch::Reason
  std::vector<RuleShift> rules;  ///< the candidate's in its order, then those of live ones only
  std::vector<Live> live;        ///< in the order of their appearance
};

struct ShadowOptions {
  record::Limits limits;
  size_t examples = 3;  ///< of each kind of difference
};

/// One thread. Memory: a batch per contract, and the report.
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
    Side(std::shared_ptr<const contract::Contract> contract, const record::Limits& limits)
        : judge(std::move(contract), limits) {}
    Judge judge;
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
  void CountReasons(const TopicRecord& record, const record::Judgement& live,
                    const record::Judgement& candidate);
  void AddReason(const TopicRecord& record, const contract::Contract& contract,
                 const record::Judgement& judgement, std::vector<DifferenceExample>* examples);
  void CountRow(size_t index);
  void CountRules(size_t index);
  void AddRule(const Row& row, size_t index, const Judge& judge, int rule,
               std::vector<DifferenceExample>* examples);

  const ShadowOptions options_;
  Judge candidate_;
  std::map<std::string, Side> sides_;  // by content hash
  Side* side_ = nullptr;               // of the batch
  std::vector<Row> rows_;
  ShadowReport report_;
};

}  // namespace sluice::sample
