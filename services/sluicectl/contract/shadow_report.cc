#include "sluicectl/contract/shadow_report.h"

#include "base/strings.h"
#include "contract/compatibility.h"
#include "contract/names.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/contract/metric_text.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using sample::DifferenceExample;
using sample::MetricShift;
using sample::RuleShift;
using sample::ShadowReport;
using sample::Shift;

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string At(const DifferenceExample& example) {
  return Concat(example.partition, "@", example.offset);
}

// `with_value`: of rules and reasons.
std::string Texts(const std::vector<DifferenceExample>& examples, bool with_value) {
  std::string text;
  for (const DifferenceExample& example : examples) {
    Append(&text, text.empty() ? "" : "; ", At(example));
    if (!with_value) continue;
    Append(&text, ": ", example.column, example.column.empty() ? "" : " = ",
           example.value.value_or("null"));
  }
  return text;
}

// Those of both directions: `+` newly, `-` no longer.
Json Texts(const Shift& shift) {
  const std::string newly = Texts(shift.newly_examples, /*with_value=*/true);
  const std::string no_longer = Texts(shift.no_longer_examples, /*with_value=*/true);
  return OrNull(Concat(newly.empty() ? "" : "+ ", newly,
                       newly.empty() || no_longer.empty() ? "" : " ", no_longer.empty() ? "" : "- ",
                       no_longer));
}

Json ToJson(const std::vector<DifferenceExample>& examples, bool with_value) {
  Json array = Json::Array();
  for (const DifferenceExample& example : examples) {
    Json json = Json::Object();
    json.Set("partition", example.partition).Set("offset", example.offset);
    if (with_value) {
      json.Set("column", OrNull(example.column));
      json.Set("value", example.value ? Json(*example.value) : Json());
    }
    array.Add(std::move(json));
  }
  return array;
}

void SetCounts(const Shift& shift, Json* json) {
  json->Set("live", shift.live)
      .Set("candidate", shift.candidate)
      .Set("newly", shift.newly)
      .Set("no_longer", shift.no_longer)
      .Set("newly_examples", ToJson(shift.newly_examples, /*with_value=*/true))
      .Set("no_longer_examples", ToJson(shift.no_longer_examples, /*with_value=*/true));
}

Json Action(const std::optional<contract::Action>& action) {
  return action ? Json(contract::Name(*action)) : Json();
}

// `quarantine`, or what it was and becomes: `warn -> quarantine`, `- -> drop`.
std::string Actions(const RuleShift& rule) {
  const std::string live = Action(rule.live_action).Text();
  const std::string candidate = Action(rule.candidate_action).Text();
  return live == candidate ? live : Concat(live, " -> ", candidate);
}

template <typename Visit>  // (live, candidate, pair)
void ForEachPair(const ShadowReport& report, const Visit& visit) {
  for (int live = 0; live < batch::kVerdictCount; ++live) {
    for (int candidate = 0; candidate < batch::kVerdictCount; ++candidate) {
      const sample::VerdictPair& pair =
          report.verdicts[static_cast<size_t>(live)][static_cast<size_t>(candidate)];
      if (pair.records == 0) continue;
      visit(batch::Name(batch::Verdict(live)), batch::Name(batch::Verdict(candidate)), pair);
    }
  }
}

Table LiveTable(const contract::Contract& candidate, const ShadowReport& report) {
  Table table({"live", "candidate", "records", "compatibility", "reload_would_refuse"});
  for (const ShadowReport::Live& live : report.live) {
    table.AddRow({live.contract->version, candidate.version, live.records,
                  contract::Compare(*live.contract, candidate).name(),
                  OrNull(Refusal(*live.contract, candidate))});
  }
  return table;
}

Table PartitionTable(const std::vector<ShadowPartition>& partitions) {
  Table table({"partition", "first", "next", "records"});
  for (const ShadowPartition& partition : partitions) {
    table.AddRow(
        {partition.partition, partition.range.first, partition.range.next, partition.records});
  }
  return table;
}

Table VerdictTable(const ShadowReport& report) {
  Table table({"live_verdict", "candidate_verdict", "records", "examples"});
  ForEachPair(report, [&](std::string_view live, std::string_view candidate,
                          const sample::VerdictPair& pair) {
    table.AddRow(
        {live, candidate, pair.records, OrNull(Texts(pair.examples, /*with_value=*/false))});
  });
  return table;
}

Table ReasonTable(const ShadowReport& report) {
  Table table({"corrupt", "live", "candidate", "newly", "no_longer", "examples"});
  for (size_t i = 0; i < report.reasons.size(); ++i) {
    const Shift& shift = report.reasons[i];
    if (shift.live == 0 && shift.candidate == 0) continue;
    table.AddRow({batch::kReasonNames[i], shift.live, shift.candidate, shift.newly, shift.no_longer,
                  Texts(shift)});
  }
  return table;
}

Table RuleTable(const ShadowReport& report) {
  Table table({"rule", "column", "action", "live", "candidate", "newly", "no_longer", "examples"});
  for (const RuleShift& rule : report.rules) {
    table.AddRow({rule.id, OrNull(rule.column), Actions(rule), rule.live, rule.candidate,
                  rule.newly, rule.no_longer, Texts(rule)});
  }
  return table;
}

std::string Place(const sample::WindowExample& example) {
  return example.start_us ? Concat(example.partition, "@", TimeText(*example.start_us))
                          : Concat(example.partition, "@", example.first_offset);
}

// Of the candidate's windows that fail.
std::string Examples(const MetricShift& metric) {
  std::string text;
  if (!metric.candidate) return text;
  for (const sample::WindowExample& example : metric.candidate->examples)
    Append(&text, text.empty() ? "" : "; ", Place(example), ": ", NumberText(example.value));
  return text;
}

Table MetricTable(const ShadowReport& report) {
  Table table({"metric", "column", "threshold", "live_value", "live_failed", "value", "failed",
               "windows", "examples"});
  for (const MetricShift& metric : report.metrics) {
    const std::string live = metric.live ? metric.live->asked : "-";
    const std::string candidate = metric.candidate ? metric.candidate->asked : "-";
    table.AddRow({metric.id, OrNull(metric.column),
                  live == candidate ? live : Concat(live, " -> ", candidate),
                  metric.live ? OrNull(RangeText(*metric.live)) : Json(),
                  metric.live ? Json(metric.live->failed) : Json(),
                  metric.candidate ? OrNull(RangeText(*metric.candidate)) : Json(),
                  metric.candidate ? Json(metric.candidate->failed) : Json(),
                  metric.candidate ? metric.candidate->windows : metric.live->windows,
                  OrNull(Examples(metric))});
  }
  return table;
}

Json ToJson(const std::optional<sample::MetricValues>& side) {
  if (!side) return Json();
  Json examples = Json::Array();
  for (const sample::WindowExample& example : side->examples) {
    Json json = Json::Object();
    json.Set("partition", example.partition);
    if (example.start_us)
      json.Set("window_start", TimeText(*example.start_us));
    else
      json.Set("first_offset", example.first_offset);
    examples.Add(std::move(json.Set("value", example.value)));
  }
  return Json::Object()
      .Set("threshold", side->asked)
      .Set("windows", side->windows)
      .Set("failed", side->failed)
      .Set("lowest", side->windows == 0 ? Json() : Json(side->lowest))
      .Set("highest", side->windows == 0 ? Json() : Json(side->highest))
      .Set("examples", std::move(examples));
}

}  // namespace

std::string ShadowResult::ToText() const {
  std::string text;
  for (const Table& table :
       {LiveTable(candidate_, report_), PartitionTable(partitions_), VerdictTable(report_),
        ReasonTable(report_), RuleTable(report_), MetricTable(report_)}) {
    if (!table.empty()) Append(&text, table.ToText(), "\n");
  }
  Append(&text, report_.records, " records judged by ", candidate_.id, " ", candidate_.version,
         " beside the live contract: ", report_.differing, " would have another verdict");
  return text;
}

Json ShadowResult::ToJson() const {
  Json verdicts = Json::Array();
  ForEachPair(report_, [&](std::string_view live, std::string_view candidate,
                           const sample::VerdictPair& pair) {
    verdicts.Add(Json::Object()
                     .Set("live", live)
                     .Set("candidate", candidate)
                     .Set("records", pair.records)
                     .Set("examples", sluicectl::ToJson(pair.examples, /*with_value=*/false)));
  });
  Json reasons = Json::Array();
  for (size_t i = 0; i < report_.reasons.size(); ++i) {
    const Shift& shift = report_.reasons[i];
    if (shift.live == 0 && shift.candidate == 0) continue;
    Json json = Json::Object();
    json.Set("reason", batch::kReasonNames[i]);
    SetCounts(shift, &json);
    reasons.Add(std::move(json));
  }
  Json rules = Json::Array();
  for (const RuleShift& rule : report_.rules) {
    Json json = Json::Object();
    json.Set("rule", rule.id)
        .Set("column", OrNull(rule.column))
        .Set("live_action", Action(rule.live_action))
        .Set("candidate_action", Action(rule.candidate_action));
    SetCounts(rule, &json);
    rules.Add(std::move(json));
  }
  Json metrics = Json::Array();
  for (const MetricShift& metric : report_.metrics) {
    metrics.Add(Json::Object()
                    .Set("rule", metric.id)
                    .Set("column", OrNull(metric.column))
                    .Set("live", sluicectl::ToJson(metric.live))
                    .Set("candidate", sluicectl::ToJson(metric.candidate)));
  }
  return Json::Object()
      .Set("contract", candidate_.id)
      .Set("version", candidate_.version)
      .Set("content_hash", candidate_.content_hash)
      .Set("records", report_.records)
      .Set("differing", report_.differing)
      .Set("live", LiveTable(candidate_, report_).ToJson())
      .Set("partitions", PartitionTable(partitions_).ToJson())
      .Set("verdicts", std::move(verdicts))
      .Set("corrupt", std::move(reasons))
      .Set("rules", std::move(rules))
      .Set("metrics", std::move(metrics));
}

}  // namespace sluice::sluicectl
