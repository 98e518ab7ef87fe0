#include "sluicectl/check_table.h"

#include "base/strings.h"
#include "contract/names.h"
#include "rules/explanation.h"
#include "sluicectl/junit.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using batch::Verdict;
using sample::Example;

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

Table VerdictTable(const sample::CheckTable& checks) {
  Table table({"verdict", "records"});
  for (const Verdict verdict :
       {Verdict::kClean, Verdict::kFailed, Verdict::kCorrupt, Verdict::kFiltered}) {
    table.AddRow({batch::Name(verdict), checks.Count(verdict)});
  }
  return table;
}

}  // namespace

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
  Append(&text, "\n", table.records, " records judged by ", contract.id, " ", contract.version,
         ": ", table.Count(Verdict::kCorrupt), " corrupt, ", table.Count(Verdict::kFailed),
         " failed, ", table.warned, " clean with warnings");
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
  return Json::Object()
      .Set("contract", contract.id)
      .Set("version", contract.version)
      .Set("content_hash", contract.content_hash)
      .Set("passed", passed)
      .Set("records", table.records)
      .Set("warned_records", table.warned)
      .Set("verdicts", std::move(verdicts))
      .Set("corrupt", std::move(reasons))
      .Set("rules", std::move(rules));
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
      .Set("column", record.column < 0
                         ? Json()
                         : Json(contract.columns[static_cast<size_t>(record.column)].name))
      .Set("failed_rules", std::move(rules));
}

}  // namespace sluice::sluicectl
