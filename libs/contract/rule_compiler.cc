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
  if (const YamlNode* options = property.Find("logicalTypeOptions"))
    CompileOptions(*options, column);
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
  for (size_t i = 0; i < contract_->rules.size(); ++i) {
    if (wanted_ids_[i].empty()) continue;
    std::string id = wanted_ids_[i];
    for (int n = 2; !ids_.insert(id).second; ++n) id = Concat(wanted_ids_[i], "_", n);
    contract_->rules[i].id = std::move(id);
  }
}

Expression RuleCompiler::ColumnOf(int column) const {
  return ColumnExpression(column, ValueTypeOf(contract_->columns[column].type));
}

void RuleCompiler::AddOption(const YamlNode& at, int column, std::string_view check,
                             std::string_view dimension, Expression predicate,
                             std::string summary) {
  Rule rule;
  rule.column = contract_->columns[column].name;
  rule.column_index = column;
  rule.severity = "error";
  rule.dimension = std::string(dimension);
  rule.summary = std::move(summary);
  rule.predicate = std::move(predicate);
  Add(at, std::move(rule), check);
}

void RuleCompiler::Add(const YamlNode& at, Rule rule, std::string_view check) {
  if (contract_->rules.size() >= kMaxRules) {
    if (!std::exchange(too_many_, true)) {
      diagnostics_->Error(at, "too-large",
                          Concat("the contract has more than ", kMaxRules, " rules"));
    }
    return;
  }
  if (rule.predicate.text.empty()) rule.predicate.text = ToText(rule.predicate, contract_->columns);
  if (rule.summary.empty()) rule.summary = ViolationText(rule.predicate, contract_->columns);
  wanted_ids_.push_back(!rule.id.empty()      ? ""
                        : rule.column.empty() ? std::string(check)
                                              : Concat(AsId(rule.column), "_", check));
  contract_->rules.push_back(std::move(rule));
}

}  // namespace sluice::contract
