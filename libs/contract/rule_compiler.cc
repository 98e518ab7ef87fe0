#include "contract/rule_compiler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"

namespace sluice::contract {
namespace {

std::string AsId(std::string_view text) {
  std::string id(text);
  for (char& c : id) {
    if (!absl::ascii_isalnum(c) && c != '-') c = '_';
  }
  return id;
}

}  // namespace

void RuleCompiler::CompileProperty(const YamlNode& property, int column) {
  const Column& target = contract_->columns[static_cast<size_t>(column)];
  const bool list = target.list;
  if (const YamlNode* options = property.Find("logicalTypeOptions"))
    list ? CompileArrayOptions(*options, column) : CompileOptions(*options, {column});
  if (const YamlNode* items = list ? property.Find("items") : nullptr) {
    const YamlNode* options = items->Find("logicalTypeOptions");
    if (target.type == LogicalType::kJson) {
      CheckMemberOptions(*items, target);
    } else if (options != nullptr) {
      CompileOptions(*options, {column, /*items=*/true});
    }
  }
  const YamlNode* quality = property.Find("quality");
  if (quality == nullptr) return;
  if (!quality->IsSequence()) {
    diagnostics_->Error(*quality, "wrong-type", "\"quality\" must be a list");
    return;
  }
  for (const YamlNode& item : quality->items) CompileQuality(item, column);
}

void RuleCompiler::CompileTable(const YamlNode& schema) {
  const YamlNode* quality = schema.Find("quality");
  if (quality == nullptr) return;
  if (!quality->IsSequence()) {
    diagnostics_->Error(*quality, "wrong-type", "\"quality\" must be a list");
    return;
  }
  for (const YamlNode& item : quality->items) CompileQuality(item, -1);
}

void RuleCompiler::Finish() {
  for (size_t i = 0; i < contract_->rules.size(); ++i)
    Name(wishes_[i], contract_->rules[i].column_index, &contract_->rules[i].id);
  for (size_t i = 0; i < contract_->metrics.size(); ++i)
    Name(metric_wishes_[i], contract_->metrics[i].column_index, &contract_->metrics[i].id);
}

/// The dots of a path become _ in an id, so two columns may wish for the same one.
void RuleCompiler::Name(const Wish& wish, int column, std::string* id) {
  if (wish.id.empty()) return;
  *id = wish.id;
  for (int n = 2; !ids_.insert(*id).second; ++n) *id = Concat(wish.id, "_", n);
  const auto owner = made_for_.find(wish.id);
  if (owner == made_for_.end()) {
    made_for_.emplace(*id, column);
  } else if (owner->second != column && (IsNested(column) || IsNested(owner->second))) {
    diagnostics_->Warning(*wish.at, "duplicate-name",
                          Concat("the id \"", wish.id, "\" is taken by a rule of \"",
                                 contract_->columns[static_cast<size_t>(owner->second)].name,
                                 "\": this one is called \"", *id, "\""));
  }
}

bool RuleCompiler::IsNested(int column) const {
  return column >= 0 && contract_->columns[static_cast<size_t>(column)].object >= 0;
}

Expression RuleCompiler::ColumnOf(int column) const {
  return ColumnExpression(column, ValueTypeOf(contract_->columns[column]));
}

void RuleCompiler::AddOption(const YamlNode& at, const Subject& subject, std::string_view check,
                             std::string_view dimension, Expression predicate,
                             std::string summary) {
  Rule rule;
  rule.column = contract_->columns[static_cast<size_t>(subject.column)].name;
  rule.column_index = subject.column;
  rule.severity = "error";
  rule.dimension = std::string(dimension);
  rule.summary = std::move(summary);
  rule.predicate =
      subject.items ? EveryItem(subject.column, std::move(predicate)) : std::move(predicate);
  Add(at, std::move(rule), Concat(subject.items ? "items_" : "", check));
}

bool RuleCompiler::HasRoom(const YamlNode& at, size_t rules) {
  if (rules < kMaxRules) return true;
  if (!std::exchange(too_many_, true)) {
    diagnostics_->Error(at, "too-large",
                        Concat("the contract has more than ", kMaxRules, " rules"));
  }
  return false;
}

void RuleCompiler::AddMetric(const YamlNode& at, Metric metric, std::string_view check) {
  if (!HasRoom(at, contract_->metrics.size())) return;
  if (metric.predicate && metric.predicate->text.empty())
    metric.predicate->text = ToText(*metric.predicate, contract_->columns);
  metric_wishes_.push_back({!metric.id.empty()      ? ""
                            : metric.column.empty() ? std::string(check)
                                                    : Concat(AsId(metric.column), "_", check),
                            &at});
  contract_->metrics.push_back(std::move(metric));
}

void RuleCompiler::Add(const YamlNode& at, Rule rule, std::string_view check) {
  if (!HasRoom(at, contract_->rules.size())) return;
  if (rule.predicate.text.empty()) rule.predicate.text = ToText(rule.predicate, contract_->columns);
  if (rule.summary.empty()) rule.summary = ViolationText(rule.predicate, contract_->columns);
  wishes_.push_back({!rule.id.empty()      ? ""
                     : rule.column.empty() ? std::string(check)
                                           : Concat(AsId(rule.column), "_", check),
                     &at});
  contract_->rules.push_back(std::move(rule));
}

}  // namespace sluice::contract
