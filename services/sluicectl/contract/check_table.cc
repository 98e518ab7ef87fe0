#include "sluicectl/contract/check_table.h"

#include <algorithm>

#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "contract/names.h"
#include "rules/explanation.h"
#include "sluicectl/contract/junit.h"
#include "sluicectl/contract/metric_text.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using batch::Verdict;
using sample::Example;

bool IsError(const contract::Metric& metric) { return metric.severity == "error"; }

Json Cell(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string ToText(const Example& example, std::string_view place) {
  return Concat(place, " ", example.line, ": ", example.column,
                example.column.empty() ? "" : " in ", example.value.value_or("null"));
}

Json ToText(const std::vector<Example>& examples, std::string_view place) {
  std::string text;
  for (const Example& example : examples) {
    Append(&text, text.empty() ? "" : "; ", ToText(example, place));
  }
  return Cell(text);
}

Json ToJson(const std::vector<Example>& examples) {
  Json array = Json::Array();
  for (const Example& example : examples) {
    Json json = Json::Object();
    json.Set("line", example.line);
    if (!example.column.empty()) json.Set("column", example.column);
    json.Set("value", example.value ? Json(*example.value) : Json());
    array.Add(std::move(json));
  }
  return array;
}

std::string Lines(const std::vector<Example>& examples, std::string_view place) {
  std::string text;
  for (const Example& example : examples) Append(&text, ToText(example, place), "\n");
  return text;
}

/// One window a line.
std::string Windows(const std::vector<sample::MetricExample>& examples, std::string_view place) {
  std::string text;
  for (const sample::MetricExample& example : examples) {
    Append(&text, text.empty() ? "" : "\n");
    if (example.start_us)
      Append(&text, "from ", TimeText(*example.start_us));
    else
      Append(&text, place, "s ", example.first_line, " to ", example.last_line);
    Append(&text, ": ", NumberText(example.value));
  }
  return text;
}

Table MetricTable(const contract::Contract& contract, const sample::CheckTable& checks,
                  std::string_view place) {
  Table table({"metric", "column", "severity", "threshold", "value", "passed", "windows", "failed",
               "examples"});
  for (size_t i = 0; i < checks.metrics.size(); ++i) {
    const contract::Metric& metric = contract.metrics[i];
    const sample::MetricCheck& check = checks.metrics[i];
    table.AddRow({metric.id, Cell(metric.column), metric.severity, metric.Asked(),
                  Cell(RangeText(check)), check.failed == 0, check.windows, check.failed,
                  Cell(absl::StrReplaceAll(Windows(check.examples, place), {{"\n", "; "}}))});
  }
  return table;
}

Json MetricsJson(const contract::Contract& contract, const sample::CheckTable& checks) {
  Json metrics = Json::Array();
  for (size_t i = 0; i < checks.metrics.size(); ++i) {
    const contract::Metric& metric = contract.metrics[i];
    const sample::MetricCheck& check = checks.metrics[i];
    Json examples = Json::Array();
    for (const sample::MetricExample& example : check.examples) {
      Json json = Json::Object();
      if (example.start_us) {
        json.Set("window_start", TimeText(*example.start_us));
      } else {
        json.Set("first_line", example.first_line).Set("last_line", example.last_line);
      }
      examples.Add(std::move(json.Set("value", example.value)));
    }
    metrics.Add(
        Json::Object()
            .Set("rule", metric.id)
            .Set("metric", metric.metric)
            .Set("column", Cell(metric.column))
            .Set("severity", metric.severity)
            .Set("dimension", Cell(metric.dimension))
            .Set("threshold", metric.threshold.Text())
            .Set("unit", metric.unit == contract::Metric::Unit::kPercent ? "percent" : "rows")
            .Set("windows", check.windows)
            .Set("failed", check.failed)
            .Set("lowest", check.lowest)
            .Set("highest", check.highest)
            .Set("passed", check.failed == 0)
            .Set("examples", std::move(examples)));
  }
  return metrics;
}

Table VerdictTable(const sample::CheckTable& checks) {
  Table table({"verdict", "records"});
  for (const Verdict verdict :
       {Verdict::kClean, Verdict::kFailed, Verdict::kCorrupt, Verdict::kFiltered}) {
    table.AddRow({batch::Name(verdict), checks.Count(verdict)});
  }
  return table;
}

}  // namespace

bool CheckReport::MissesThreshold(bool error) const {
  for (size_t i = 0; i < table.metrics.size(); ++i) {
    if (table.metrics[i].failed > 0 && IsError(contract.metrics[i]) == error) return true;
  }
  return false;
}

std::string CheckReport::ToText() const {
  const char* const place = format == sample::Format::kParquet ? "row" : "line";
  std::string text = VerdictTable(table).ToText();
  Table reasons({"corrupt", "records", "examples"});
  for (size_t i = 0; i < table.reasons.size(); ++i) {
    if (table.reasons[i].records == 0) continue;
    reasons.AddRow({batch::kReasonNames[i], table.reasons[i].records,
                    sluicectl::ToText(table.reasons[i].examples, place)});
  }
  if (!reasons.empty()) Append(&text, "\n", reasons.ToText());
  Table rules({"rule", "column", "action", "evaluated", "failed", "what_is_wrong", "examples"});
  for (size_t i = 0; i < table.rules.size(); ++i) {
    const contract::Rule& rule = contract.rules[i];
    const sample::RuleCheck& check = table.rules[i];
    rules.AddRow({rule.id, Cell(rule.column), contract::Name(rule.action), check.evaluated,
                  check.failed, rule.summary, sluicectl::ToText(check.examples, place)});
  }
  if (!rules.empty()) Append(&text, "\n", rules.ToText());
  const Table metrics = MetricTable(contract, table, place);
  if (!metrics.empty()) Append(&text, "\n", metrics.ToText());
  Append(&text, "\n", table.records, " records judged by ", contract.id, " ", contract.version,
         ": ", table.Count(Verdict::kCorrupt), " corrupt, ", table.Count(Verdict::kFailed),
         " failed, ", table.warned, " clean with warnings");
  if (!table.metrics.empty()) {
    const auto failed = std::count_if(table.metrics.begin(), table.metrics.end(),
                                      [](const auto& check) { return check.failed > 0; });
    Append(&text, "; ", failed, " of ", table.metrics.size(), " metrics miss their threshold");
    if (table.late) Append(&text, "; ", *table.late, " records too late for their window");
  }
  return text;
}

Json CheckReport::ToJson(bool passed) const {
  Json verdicts = Json::Object();
  for (size_t i = 0; i < table.verdicts.size(); ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (verdict == Verdict::kClean || verdict == Verdict::kFailed || verdict == Verdict::kCorrupt ||
        verdict == Verdict::kFiltered) {
      verdicts.Set(std::string(batch::kVerdictNames[i]), table.verdicts[i]);
    }
  }
  Json reasons = Json::Array();
  for (size_t i = 0; i < table.reasons.size(); ++i) {
    if (table.reasons[i].records == 0) continue;
    reasons.Add(Json::Object()
                    .Set("reason", batch::kReasonNames[i])
                    .Set("records", table.reasons[i].records)
                    .Set("examples", sluicectl::ToJson(table.reasons[i].examples)));
  }
  Json rules = Json::Array();
  for (size_t i = 0; i < table.rules.size(); ++i) {
    const contract::Rule& rule = contract.rules[i];
    rules.Add(Json::Object()
                  .Set("rule", rule.id)
                  .Set("column", Cell(rule.column))
                  .Set("action", contract::Name(rule.action))
                  .Set("severity", rule.severity)
                  .Set("dimension", Cell(rule.dimension))
                  .Set("what_is_wrong", rule.summary)
                  .Set("evaluated", table.rules[i].evaluated)
                  .Set("failed", table.rules[i].failed)
                  .Set("examples", sluicectl::ToJson(table.rules[i].examples)));
  }
  Json json = Json::Object();
  json.Set("contract", contract.id)
      .Set("version", contract.version)
      .Set("content_hash", contract.content_hash)
      .Set("passed", passed)
      .Set("records", table.records)
      .Set("warned_records", table.warned)
      .Set("verdicts", std::move(verdicts))
      .Set("corrupt", std::move(reasons))
      .Set("rules", std::move(rules))
      .Set("metrics", MetricsJson(contract, table));
  if (table.late) json.Set("late_records", *table.late);
  return json;
}

std::string CheckReport::ToJunit(bool warnings_fail) const {
  const char* const place = format == sample::Format::kParquet ? "row" : "line";
  std::vector<JunitCase> cases;
  JunitCase readable{contract.id, "records of the contract", std::nullopt, ""};
  if (const int64_t corrupt = table.Count(Verdict::kCorrupt); corrupt > 0) {
    readable.failure = Concat(corrupt, " of ", table.records, " records are corrupt");
    for (size_t i = 0; i < table.reasons.size(); ++i) {
      if (table.reasons[i].records == 0) continue;
      Append(&readable.details, batch::kReasonNames[i], ": ", table.reasons[i].records, "\n",
             Lines(table.reasons[i].examples, place));
    }
  }
  cases.push_back(std::move(readable));
  for (size_t i = 0; i < table.rules.size(); ++i) {
    const contract::Rule& rule = contract.rules[i];
    const sample::RuleCheck& check = table.rules[i];
    const bool counts = rule.action == contract::Action::kWarn   ? warnings_fail
                        : rule.action == contract::Action::kDrop ? false
                                                                 : true;
    JunitCase of_rule{contract.id, rule.id, std::nullopt, ""};
    if (counts && check.failed > 0) {
      of_rule.failure =
          Concat(rule.summary, ": ", check.failed, " of ", check.evaluated, " records");
      of_rule.details = Lines(check.examples, place);
    }
    cases.push_back(std::move(of_rule));
  }
  for (size_t i = 0; i < table.metrics.size(); ++i) {
    const contract::Metric& metric = contract.metrics[i];
    const sample::MetricCheck& check = table.metrics[i];
    JunitCase of_metric{contract.id, metric.id, std::nullopt, ""};
    if (check.failed > 0 && (IsError(metric) || warnings_fail)) {
      of_metric.failure = Concat(metric.Asked(), ", but it is ", RangeText(check), ": ",
                                 check.failed, " of ", check.windows, " windows");
      of_metric.details = Windows(check.examples, place);
    }
    cases.push_back(std::move(of_metric));
  }
  return JunitXml(Concat(contract.id, " ", contract.version), cases);
}

Json RecordJson(const contract::Contract& contract, const sample::RecordVerdict& record) {
  Json rules = Json::Array();
  for (size_t i = 0; i < contract.rules.size() && !record.failed_rules.empty(); ++i) {
    if (rules::IsBroken(record.failed_rules, static_cast<int>(i))) rules.Add(contract.rules[i].id);
  }
  return Json::Object()
      .Set("line", record.line)
      .Set("verdict", batch::Name(record.verdict))
      .Set("reason", record.reason ? Json(batch::Name(*record.reason)) : Json())
      .Set("column", record.column.empty() ? Json() : Json(record.column))
      .Set("failed_rules", std::move(rules));
}

}  // namespace sluice::sluicectl
