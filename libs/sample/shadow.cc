#include "sample/shadow.h"

#include <algorithm>

#include "arrow/record_batch.h"
#include "base/status.h"
#include "rules/explanation.h"

namespace sluice::sample {
namespace {

constexpr size_t kShownBytes = 60;

}  // namespace

Shadow::Shadow(std::shared_ptr<const contract::Contract> candidate, const ShadowOptions& options)
    : options_(options), candidate_(candidate, options_) {
  report_.reasons.resize(batch::kReasonCount);
  for (const contract::Rule& rule : candidate_.judge.contract().rules) {
    RuleShift& shift = report_.rules[FindShift(rule.id, rule.column)];
    shift.candidate_action = rule.action;
  }
  ListMetrics(*candidate, &MetricShift::candidate);
}

size_t Shadow::FindShift(const std::string& id, const std::string& column) {
  for (size_t i = 0; i < report_.rules.size(); ++i) {
    if (report_.rules[i].id == id) return i;
  }
  RuleShift& shift = report_.rules.emplace_back();
  shift.id = id;
  shift.column = column;
  return report_.rules.size() - 1;
}

Shadow::Side* Shadow::SideOf(const std::shared_ptr<const contract::Contract>& live) {
  const auto [found, is_new] = sides_.try_emplace(live->content_hash, live, options_);
  Side* const side = &found->second;
  if (!is_new) return side;
  side->index = report_.live.size();
  report_.live.push_back({live, 0});
  PairRules(side);
  ListMetrics(*live, &MetricShift::live);
  return side;
}

MetricShift& Shadow::FindMetric(const contract::Metric& metric) {
  for (MetricShift& shift : report_.metrics) {
    if (shift.id == metric.id) return shift;
  }
  return report_.metrics.emplace_back(MetricShift{metric.id, metric.column, {}, {}});
}

void Shadow::ListMetrics(const contract::Contract& contract,
                         std::optional<MetricValues> MetricShift::*values) {
  for (const contract::Metric& metric : contract.metrics) {
    std::optional<MetricValues>& of_side = FindMetric(metric).*values;
    if (!of_side) of_side.emplace();
    of_side->asked = metric.Asked();
  }
}

void Shadow::PairRules(Side* side) {
  std::vector<RulePair> by_shift;
  const auto pair_of = [&](const contract::Rule& rule) -> RulePair& {
    const size_t shift = FindShift(rule.id, rule.column);
    if (by_shift.size() < report_.rules.size()) by_shift.resize(report_.rules.size());
    by_shift[shift].shift = shift;
    return by_shift[shift];
  };
  const auto& live = side->judge.contract().rules;
  const auto& candidate = candidate_.judge.contract().rules;
  for (size_t i = 0; i < candidate.size(); ++i) {
    pair_of(candidate[i]).candidate = static_cast<int>(i);
  }
  for (size_t i = 0; i < live.size(); ++i) {
    RulePair& pair = pair_of(live[i]);
    pair.live = static_cast<int>(i);
    report_.rules[pair.shift].live_action = live[i].action;
  }
  for (const RulePair& pair : by_shift) {
    if (pair.live >= 0 || pair.candidate >= 0) side->rules.push_back(pair);
  }
}

absl::Status Shadow::Add(const std::shared_ptr<const contract::Contract>& live,
                         const TopicRecord& record) {
  // Windows are of one partition.
  if (options_.windows && !rows_.empty() && rows_.back().partition != record.partition)
    SLUICE_RETURN_IF_ERROR(Flush());
  if (side_ == nullptr || side_->judge.contract().content_hash != live->content_hash) {
    SLUICE_RETURN_IF_ERROR(Flush());
    side_ = SideOf(live);
  }
  const auto judge = [&](Judge& by) {
    return by.Add(record.key, record.value, record.timestamp_ms, record.offset);
  };
  const record::Judgement by_live = judge(side_->judge);
  const record::Judgement by_candidate = judge(candidate_.judge);
  rows_.push_back({record.partition, record.offset, by_live.verdict == batch::Verdict::kValid,
                   by_candidate.verdict == batch::Verdict::kValid});
  CountReasons(record, by_live, by_candidate);
  return side_->judge.Full() || candidate_.judge.Full() ? Flush() : absl::OkStatus();
}

void Shadow::CountReasons(const TopicRecord& record, const record::Judgement& live,
                          const record::Judgement& candidate) {
  const auto shift_of = [&](batch::Reason reason) -> Shift& {
    return report_.reasons[static_cast<size_t>(reason)];
  };
  if (live.reason) ++shift_of(*live.reason).live;
  if (candidate.reason) ++shift_of(*candidate.reason).candidate;
  if (live.reason == candidate.reason) return;
  if (live.reason) {
    Shift& shift = shift_of(*live.reason);
    ++shift.no_longer;
    AddReason(record, side_->judge.contract(), live, &shift.no_longer_examples);
  }
  if (candidate.reason) {
    Shift& shift = shift_of(*candidate.reason);
    ++shift.newly;
    AddReason(record, candidate_.judge.contract(), candidate, &shift.newly_examples);
  }
}

void Shadow::AddReason(const TopicRecord& record, const contract::Contract& contract,
                       const record::Judgement& judgement,
                       std::vector<DifferenceExample>* examples) {
  if (examples->size() >= options_.examples) return;
  DifferenceExample& example =
      examples->emplace_back(DifferenceExample{record.partition, record.offset, "", std::nullopt});
  example.column = record::Subject(contract, judgement);
  if (record.value) example.value = std::string(record.value->substr(0, kShownBytes));
}

absl::Status Shadow::Flush() {
  if (rows_.empty()) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(side_->judge.Finish());
  SLUICE_RETURN_IF_ERROR(candidate_.judge.Finish());
  for (size_t index = 0; index < rows_.size(); ++index) CountRow(index);
  if (options_.windows) {
    SLUICE_RETURN_IF_ERROR(CountMetrics(side_, &MetricShift::live));
    SLUICE_RETURN_IF_ERROR(CountMetrics(&candidate_, &MetricShift::candidate));
    next_[rows_.back().partition] = rows_.back().offset + 1;
  }
  const auto count = static_cast<int64_t>(rows_.size());
  report_.records += count;
  report_.live[side_->index].records += count;
  rows_.clear();
  return absl::OkStatus();
}

absl::Status Shadow::CountMetrics(Side* side, std::optional<MetricValues> MetricShift::*values) {
  const int32_t partition = rows_.front().partition;
  const auto known = next_.find(partition);
  const batch::Range range = {known == next_.end() ? rows_.front().offset : known->second,
                              rows_.back().offset + 1};
  return side->metrics->Count(
      partition, side->judge.rows(), range,
      [&](const contract::Metric& metric, const batch::Window& window, double value) {
        MetricValues& of_side = *(FindMetric(metric).*values);
        of_side.lowest = of_side.windows == 0 ? value : std::min(of_side.lowest, value);
        of_side.highest = of_side.windows == 0 ? value : std::max(of_side.highest, value);
        ++of_side.windows;
        if (metric.threshold.Holds(value)) return;
        ++of_side.failed;
        if (of_side.examples.size() >= options_.examples) return;
        WindowExample& example = of_side.examples.emplace_back();
        example = {partition, window.range.first, std::nullopt, value};
        if (options_.windows->OfEventTime()) example.start_us = window.start_us;
      });
}

void Shadow::CountRow(size_t index) {
  const Row& row = rows_[index];
  const rules::Outcome& live = side_->judge.outcome();
  const rules::Outcome& candidate = candidate_.judge.outcome();
  const batch::Verdict before = live.verdicts[index];
  const batch::Verdict after = candidate.verdicts[index];
  VerdictPair& pair = report_.verdicts[static_cast<size_t>(before)][static_cast<size_t>(after)];
  ++pair.records;
  if (before != after) {
    ++report_.differing;
    if (pair.examples.size() < options_.examples) {
      pair.examples.push_back({row.partition, row.offset, "", std::nullopt});
    }
  }
  const auto at = static_cast<int64_t>(index);
  if ((row.live_columns && live.HasFailedRules(at)) ||
      (row.candidate_columns && candidate.HasFailedRules(at))) {
    CountRules(index);
  }
}

void Shadow::CountRules(size_t index) {
  const Row& row = rows_[index];
  const auto at = static_cast<int64_t>(index);
  const std::string_view live = side_->judge.outcome().FailedRules(at);
  const std::string_view candidate = candidate_.judge.outcome().FailedRules(at);
  for (const RulePair& pair : side_->rules) {
    const bool before = row.live_columns && pair.live >= 0 && rules::IsBroken(live, pair.live);
    const bool after =
        row.candidate_columns && pair.candidate >= 0 && rules::IsBroken(candidate, pair.candidate);
    RuleShift& shift = report_.rules[pair.shift];
    shift.live += before;
    shift.candidate += after;
    if (after && !before) {
      ++shift.newly;
      AddRule(row, index, candidate_.judge, pair.candidate, &shift.newly_examples);
    } else if (before && !after) {
      ++shift.no_longer;
      AddRule(row, index, side_->judge, pair.live, &shift.no_longer_examples);
    }
  }
}

void Shadow::AddRule(const Row& row, size_t index, const Judge& judge, int rule,
                     std::vector<DifferenceExample>* examples) {
  if (examples->size() >= options_.examples) return;
  const contract::Contract& contract = judge.contract();
  const contract::Rule& broken = contract.rules[static_cast<size_t>(rule)];
  examples->push_back(
      {row.partition, row.offset, broken.column,
       rules::OffendingValue(contract, broken, judge.rows(), static_cast<int64_t>(index))});
}

}  // namespace sluice::sample
