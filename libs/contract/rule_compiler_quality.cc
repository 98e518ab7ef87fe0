// RuleCompiler: `quality`.

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"
#include "contract/literal_reader.h"
#include "contract/odcs_keys.h"
#include "contract/rule_compiler.h"
#include "contract/suggestion.h"
#include "contract/threshold.h"

namespace sluice::contract {
namespace {

/// Stable ids of the standard.
bool IsStableId(std::string_view id) {
  return !id.empty() && id.size() <= 100 && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

constexpr std::string_view kLibraryKeys[] = {"metric",
                                             "rule",
                                             "arguments",
                                             "validValues",
                                             "mustBe",
                                             "mustNotBe",
                                             "mustBeGreaterThan",
                                             "mustBeGreaterOrEqualTo",
                                             "mustBeLessThan",
                                             "mustBeLessOrEqualTo",
                                             "mustBeBetween",
                                             "mustNotBeBetween",
                                             "unit"};

/// The names of v3.0.x, which stand under `rule`, and those of today.
struct OldName {
  std::string_view old_name;
  std::string_view metric;
};
constexpr OldName kOldNames[] = {{"nullCheck", "nullValues"},
                                 {"validValues", "invalidValues"},
                                 {"duplicateCount", "duplicateValues"}};

std::string_view CheckOf(std::string_view metric) {
  if (metric == "rowCount") return "row_count";
  if (metric == "duplicateValues") return "duplicate";
  return metric == "nullValues" ? "null" : metric == "missingValues" ? "missing" : "invalid";
}

Expression Unary(Op op, Expression arg) {
  std::vector<Expression> args;
  args.push_back(std::move(arg));
  return Combine(op, std::move(args));
}

Expression In(Expression value, std::vector<Expression> literals) {
  literals.insert(literals.begin(), std::move(value));
  return Combine(Op::kIn, std::move(literals));
}

}  // namespace

void RuleCompiler::CompileQuality(const YamlNode& node, int column) {
  const MapReader quality(node, QualityKeys(), "a quality rule", diagnostics_);
  if (!node.IsMap()) return;
  Rule rule;
  if (!ReadRuleHead(quality, column, &rule)) return;
  const std::string type =
      quality.Has("type") ? quality.OneOf("type", {"library", "text", "sql", "custom"}).value_or("")
                          : "library";
  if (type == "library") {
    RefuseKeys(quality, {"engine", "implementation"}, "`type: library` has no");
    CompileLibrary(quality, column, std::move(rule));
  } else if (type == "custom") {
    RefuseKeys(quality, kLibraryKeys, "`type: custom` has no");
    CompileCustom(quality, column, std::move(rule));
  } else if (type == "text") {
    RefuseKeys(quality, kLibraryKeys, "`type: text` is for readers only and has no");
    RefuseKeys(quality, {"engine", "implementation"},
               "`type: text` is for readers only and has no");
  } else if (type == "sql") {
    diagnostics_->Error(*quality.Find("type"), "not-supported",
                        "SQL is not executed; write a rule of `type: custom, engine: sluice`");
  }
}

bool RuleCompiler::ReadRuleHead(const MapReader& quality, int column, Rule* rule) {
  bool good = true;
  if (std::optional<std::string> id = quality.Text("id")) {
    if (!IsStableId(*id)) {
      diagnostics_->Error(*quality.Find("id"), "invalid-value",
                          "an id has letters, digits, _ and - only, at most 100 of them");
      good = false;
    } else if (!ids_.insert(*id).second) {
      diagnostics_->Error(*quality.Find("id"), "duplicate-name",
                          Concat("another rule has the id \"", *id, "\" already"));
      good = false;
    }
    rule->id = *std::move(id);
  }
  rule->column_index = column;
  if (column >= 0) rule->column = contract_->columns[column].name;
  rule->severity = quality.OneOf("severity", {"info", "warning", "error"}).value_or("error");
  rule->action = rule->severity == "error" ? Action::kQuarantine : Action::kWarn;
  rule->dimension = quality
                        .OneOf("dimension", {"accuracy", "completeness", "conformity",
                                             "consistency", "coverage", "timeliness", "uniqueness"})
                        .value_or("");
  for (std::string_view key : {"scheduler", "schedule"}) {
    if (quality.Has(key)) {
      diagnostics_->Warning(
          *quality.Find(key), "no-effect",
          Concat("\"", key, "\" has no effect: every record is checked as it arrives"));
    }
  }
  return good;
}

void RuleCompiler::RefuseKeys(const MapReader& quality, absl::Span<const std::string_view> keys,
                              std::string_view type) {
  for (std::string_view key : keys) {
    if (quality.Has(key)) {
      diagnostics_->Error(*quality.Find(key), "unexpected-key", Concat(type, " \"", key, "\""));
    }
  }
}

void RuleCompiler::CompileLibrary(const MapReader& quality, int column, Rule rule) {
  std::optional<std::string> name = ReadMetric(quality);
  if (!name.has_value()) return;
  const bool percent = quality.OneOf("unit", {"rows", "percent"}).value_or("rows") == "percent";
  if (!IsMeasured(quality, *name, column)) return;
  const bool counts_rows = *name == "rowCount";
  const bool may_be_none = quality.Has("rule") && !counts_rows;  // v3.0.x asks for none
  const auto threshold = ReadThreshold(quality, may_be_none, diagnostics_);
  if (!threshold.has_value()) return;
  Metric metric;
  if (counts_rows) {
    CheckNoArguments(quality, "rowCount");
    if (rule.dimension.empty()) rule.dimension = "completeness";
  } else if (*name == "duplicateValues") {
    if (!ReadCompared(quality, column, &metric.compared)) return;
    if (rule.dimension.empty()) rule.dimension = "uniqueness";
  } else if (!CompileMetric(quality, *name, column, &rule)) {
    return;
  } else if (MeansNone(*threshold, percent)) {
    Add(quality.node(), std::move(rule), CheckOf(*name));
    return;
  } else {
    metric.predicate = std::move(rule.predicate);
  }
  metric.id = std::move(rule.id);
  metric.column = std::move(rule.column);
  metric.column_index = column;
  metric.severity = std::move(rule.severity);
  metric.dimension = std::move(rule.dimension);
  metric.unit = percent ? Metric::Unit::kPercent : Metric::Unit::kRows;
  metric.threshold = *threshold;
  metric.metric = *name;
  AddMetric(quality.node(), std::move(metric), CheckOf(*name));
}

/// The metric's name of today.
std::optional<std::string> RuleCompiler::ReadMetric(const MapReader& quality) {
  if (!quality.Has("rule")) return quality.RequiredText("metric");
  const YamlNode& at = *quality.Find("rule");
  if (quality.Has("metric")) {
    diagnostics_->Error(at, "unexpected-key", "\"rule\" is the old name of \"metric\": write one");
    return std::nullopt;
  }
  std::optional<std::string> name = quality.RequiredText("rule");
  if (!name.has_value()) return std::nullopt;
  if (!is_v30_) {
    diagnostics_->Warning(at, "deprecated", "since v3.1.0 the key is \"metric\"");
  }
  for (const OldName& known : kOldNames) {
    if (known.old_name == *name) return std::string(known.metric);
  }
  return name;
}

bool RuleCompiler::IsMeasured(const MapReader& quality, const std::string& metric, int column) {
  const YamlNode& at = *quality.Find(quality.Has("metric") ? "metric" : "rule");
  const bool of_column =
      metric == "nullValues" || metric == "missingValues" || metric == "invalidValues";
  if (metric == "duplicateValues") return true;  // of a column, or of several ones of the table
  if (!of_column && metric != "rowCount") {
    diagnostics_->Error(at, "invalid-value",
                        Concat("there is no metric \"", metric.substr(0, 60), "\""));
  } else if (of_column && metric != "nullValues" && column >= 0 &&
             contract_->columns[static_cast<size_t>(column)].list) {
    diagnostics_->Error(at, "not-supported",
                        Concat("metric \"", metric, "\" is not supported for an array: say what ",
                               "its items have to be in `logicalTypeOptions` of `items`; there ",
                               "are nullValues, and rules of `type: custom, engine: sluice` with ",
                               "cardinality(column)"));
  } else if (of_column && column < 0) {
    diagnostics_->Error(at, "not-supported",
                        Concat("metric \"", metric, "\" is not supported for a whole table; write ",
                               "it at a property, or a rule of `type: custom, engine: sluice`"));
  } else if (!of_column && column >= 0) {
    diagnostics_->Error(at, "invalid-value",
                        "metric \"rowCount\" is a table's: write it beside \"properties\"");
  } else {
    return true;
  }
  return false;
}

void RuleCompiler::CheckNoArguments(const MapReader& quality, std::string_view metric) {
  for (std::string_view key : {"arguments", "validValues"}) {
    if (quality.Has(key)) {
      diagnostics_->Error(*quality.Find(key), "unexpected-key",
                          Concat("metric ", metric, " has no \"", key, "\""));
    }
  }
}

/// The columns whose values metric duplicateValues compares: the property's, or those that the
/// table's names.
bool RuleCompiler::ReadCompared(const MapReader& quality, int column, std::vector<int>* compared) {
  if (column >= 0) {
    CheckNoArguments(quality, "duplicateValues of a property");
    compared->push_back(column);
    return CheckComparable(quality.node(), column);
  }
  if (!quality.Has("arguments")) {
    diagnostics_->Error(quality.node(), "missing-key",
                        "metric duplicateValues of a table needs arguments: {properties: [...]}");
    return false;
  }
  const MapReader arguments(*quality.Find("arguments"), DuplicateValuesKeys(),
                            "the arguments of duplicateValues", diagnostics_);
  const std::vector<YamlNode>* names = arguments.List("properties");
  if (names == nullptr || names->empty()) {
    diagnostics_->Error(*quality.Find("arguments"), "missing-key",
                        "metric duplicateValues of a table needs arguments: {properties: [...]}");
    return false;
  }
  for (const YamlNode& name : *names) {
    const int named = FindNamed(name);
    if (named < 0 || !CheckComparable(name, named)) return false;
    if (std::find(compared->begin(), compared->end(), named) != compared->end()) {
      diagnostics_->Error(name, "duplicate-name",
                          Concat("\"", name.scalar, "\" is compared already"));
      return false;
    }
    compared->push_back(named);
  }
  return true;
}

bool RuleCompiler::CheckComparable(const YamlNode& at, int column) {
  const Column& compared = contract_->columns[static_cast<size_t>(column)];
  if (!compared.list) return true;
  diagnostics_->Error(at, "not-supported",
                      Concat("metric \"duplicateValues\" is not supported for an array: compare ",
                             "other columns than \"", compared.name, "\""));
  return false;
}

/// The column with the name that `node` says; -1: there is none, which is reported.
int RuleCompiler::FindNamed(const YamlNode& node) {
  if (!node.IsScalar()) {
    diagnostics_->Error(node, "wrong-type", "a column is named by a text");
    return -1;
  }
  const int column = contract_->FindColumn(node.scalar);
  if (column >= 0) return column;
  std::vector<std::string_view> names;
  for (const Column& candidate : contract_->columns) names.push_back(candidate.name);
  diagnostics_->Error(node, "unknown-column",
                      Concat("the table has no column \"", node.scalar.substr(0, 60), "\"",
                             DidYouMean(node.scalar, names)));
  return -1;
}

bool RuleCompiler::CompileMetric(const MapReader& quality, const std::string& metric, int column,
                                 Rule* rule) {
  static const auto& no_keys = *new std::vector<KeySpec>{};
  // Before v3.1.0 `validValues` stood beside `rule`, and `arguments` did not exist.
  YamlNode arguments = quality.node();
  arguments.kind = YamlNode::Kind::kMap;
  arguments.members.clear();
  if (quality.Has("arguments")) arguments = *quality.Find("arguments");
  if (const YamlNode* values = quality.Find("validValues")) {
    if (!quality.Has("rule") || quality.Has("arguments")) {
      diagnostics_->Error(*values, "unexpected-key", "\"validValues\" belongs into \"arguments\"");
      return false;
    }
    YamlMember member;
    member.key.kind = YamlNode::Kind::kScalar;
    member.key.scalar = "validValues";
    member.value = *values;
    arguments.members.push_back(std::move(member));
  }
  if (metric == "missingValues") return CompileMissingValues(arguments, column, rule);
  if (metric == "invalidValues") return CompileInvalidValues(arguments, column, rule);
  MapReader(arguments, no_keys, "the arguments of nullValues", diagnostics_);
  if (rule->dimension.empty()) rule->dimension = "completeness";
  rule->predicate = Unary(Op::kIsNotNull, ColumnOf(column));
  return true;
}

bool RuleCompiler::CompileMissingValues(const YamlNode& given, int column, Rule* rule) {
  const MapReader arguments(given, MissingValuesKeys(), "the arguments of missingValues",
                            diagnostics_);
  const std::vector<YamlNode>* list = arguments.List("missingValues");
  if (list == nullptr || list->empty()) {
    diagnostics_->Error(given, "missing-key",
                        "metric missingValues needs arguments: {missingValues: [...]}");
    return false;
  }
  std::vector<Expression> values;
  bool has_null = false;
  if (!ReadValues(*arguments.Find("missingValues"), column, &values, &has_null)) return false;
  if (rule->dimension.empty()) rule->dimension = "completeness";
  rule->summary = Concat(ColumnText(contract_->columns[column]), " missing");
  std::vector<Expression> parts;
  if (has_null) parts.push_back(Unary(Op::kIsNotNull, ColumnOf(column)));
  if (!values.empty()) parts.push_back(Unary(Op::kNot, In(ColumnOf(column), std::move(values))));
  rule->predicate = parts.size() == 1 ? std::move(parts[0]) : Combine(Op::kAnd, std::move(parts));
  return true;
}

bool RuleCompiler::CompileInvalidValues(const YamlNode& given, int column, Rule* rule) {
  const MapReader arguments(given, InvalidValuesKeys(), "the arguments of invalidValues",
                            diagnostics_);
  if (rule->dimension.empty()) rule->dimension = "conformity";
  if (arguments.Has("validValues") == arguments.Has("pattern")) {
    diagnostics_->Error(
        given, "missing-key",
        "metric invalidValues needs arguments: either {validValues: [...]} or {pattern: ...}");
    return false;
  }
  if (const YamlNode* valid = arguments.Find("validValues")) {
    std::vector<Expression> values;
    bool has_null = false;
    if (arguments.List("validValues") == nullptr || !ReadValues(*valid, column, &values, &has_null))
      return false;
    if (has_null || values.empty()) {
      diagnostics_->Error(
          *valid, "invalid-value",
          "list the valid values; null always passes here (metric nullValues refuses it)");
      return false;
    }
    rule->predicate = In(ColumnOf(column), std::move(values));
    return true;
  }
  std::optional<std::string> pattern = arguments.Text("pattern");
  if (!pattern.has_value()) return false;
  if (contract_->columns[column].type != LogicalType::kString) {
    diagnostics_->Error(*arguments.Find("pattern"), "wrong-type", "only text has a pattern");
    return false;
  }
  std::string problem;
  auto compiled = CompilePattern(*pattern, &problem);
  if (compiled == nullptr) {
    diagnostics_->Error(*arguments.Find("pattern"), "pattern", problem);
    return false;
  }
  rule->predicate = Matches(ColumnOf(column), std::move(compiled));
  return true;
}

bool RuleCompiler::ReadValues(const YamlNode& list, int column, std::vector<Expression>* values,
                              bool* has_null) {
  bool good = true;
  for (const YamlNode& item : list.items) {
    Expression literal;
    if (item.IsNull()) {
      *has_null = true;
    } else if (ReadLiteral(item, contract_->columns[column], &literal, diagnostics_)) {
      values->push_back(std::move(literal));
    } else {
      good = false;
    }
  }
  return good;
}

void RuleCompiler::CompileCustom(const MapReader& quality, int column, Rule rule) {
  std::optional<std::string> engine = quality.RequiredText("engine");
  if (!engine.has_value()) return;
  if (*engine != "sluice") {
    diagnostics_->Error(
        *quality.Find("engine"), "not-supported",
        Concat("engine \"", engine->substr(0, 60), "\" is not executed; the engine is \"sluice\""));
    return;
  }
  const YamlNode* node = quality.Find("implementation");
  if (node == nullptr) {
    diagnostics_->Error(quality.node(), "missing-key",
                        "\"implementation\" is missing in a quality rule");
    return;
  }
  const MapReader implementation(*node, ImplementationKeys(), "an implementation", diagnostics_);
  if (std::optional<std::string> action =
          implementation.OneOf("action", {"warn", "quarantine", "drop", "fail"})) {
    rule.action = *action == "warn"   ? Action::kWarn
                  : *action == "drop" ? Action::kDrop
                  : *action == "fail" ? Action::kFail
                                      : Action::kQuarantine;
  }
  std::optional<std::string> text = implementation.RequiredText("rule");
  if (!text.has_value()) return;
  const YamlNode& rule_node = *implementation.Find("rule");
  ExpressionError error;
  std::optional<Expression> predicate = ParseExpression(*text, contract_->columns, &error);
  if (!predicate.has_value()) {
    if (std::optional<YamlPosition> position = LocateInScalar(text_, rule_node, error.offset)) {
      diagnostics_->ErrorAt(position->line, position->column, "expression", error.message);
    } else {
      diagnostics_->Error(
          rule_node, "expression",
          Concat(error.message, " (at character ", error.offset + 1, " of the rule)"));
    }
    return;
  }
  if (rule.dimension.empty()) rule.dimension = column < 0 ? "consistency" : "accuracy";
  rule.summary = quality.Text("name").value_or("");
  rule.predicate = *std::move(predicate);
  Add(quality.node(), std::move(rule), column < 0 ? "row_rule" : "rule");
}

}  // namespace sluice::contract
