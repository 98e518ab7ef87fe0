// RuleCompiler: `logicalTypeOptions`.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"
#include "contract/literal_reader.h"
#include "contract/odcs_keys.h"
#include "contract/rule_compiler.h"
#include "contract/string_format.h"

namespace sluice::contract {
namespace {

Expression Compare(Op op, Expression left, Expression right) {
  std::vector<Expression> args;
  args.push_back(std::move(left));
  args.push_back(std::move(right));
  return Combine(op, std::move(args));
}

double AsDouble(const Expression& literal) {
  if (const auto* integer = std::get_if<int64_t>(&literal.literal))
    return static_cast<double>(*integer);
  return std::get<double>(literal.literal);
}

}  // namespace

/// One end of an allowed range.
struct RuleCompiler::Bound {
  std::string_view key;
  std::string_view strict_flag;  // in v3.0.x a boolean under this key makes the bound exclusive
  std::string_view check;
  Op op;
  Op strict_op;
  bool lower;
};

/// An item is read as a column of its own would be.
Column RuleCompiler::ColumnFor(const Subject& subject) const {
  const Column& column = contract_->columns[static_cast<size_t>(subject.column)];
  return subject.items ? ItemColumn(column) : column;
}

Expression RuleCompiler::ValueOf(const Subject& subject) const {
  return subject.items ? ColumnExpression(0, ValueTypeOf(ColumnFor(subject)))
                       : ColumnOf(subject.column);
}

void RuleCompiler::CompileOptions(const YamlNode& node, const Subject& subject) {
  const Column target = ColumnFor(subject);
  const MapReader options(node, OptionKeys(target.type),
                          Concat("logicalTypeOptions of ", Describe(ValueTypeOf(target.type))),
                          diagnostics_);
  if (!node.IsMap()) return;
  switch (target.type) {
    case LogicalType::kString:
      CompileLengths(options, subject);
      CompilePatterns(options, subject);
      break;
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      CompileBounds(options, subject);
      CompileMultipleOf(options, subject);
      break;
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
    case LogicalType::kTime:
      CompileBounds(options, subject);
      break;
    case LogicalType::kBoolean:
    case LogicalType::kJson:
      break;
  }
  CheckFormat(options, target);
}

void RuleCompiler::CompileArrayOptions(const YamlNode& node, int column) {
  const MapReader options(node, ArrayOptionKeys(), "logicalTypeOptions of an array", diagnostics_);
  if (!node.IsMap()) return;
  CompileCardinality(options, column);
  const bool unique = options.Boolean("uniqueItems").value_or(false);
  if (unique && contract_->columns[static_cast<size_t>(column)].type == LogicalType::kJson) {
    diagnostics_->Error(*options.Find("uniqueItems"), "not-supported",
                        "\"uniqueItems\" of objects is not supported: one object can be written in "
                        "many ways; look for items that stand twice in the table");
  } else if (unique) {
    AddOption(*options.Find("uniqueItems"), {column}, "unique_items", "uniqueness",
              Combine(Op::kUniqueItems, {ColumnOf(column)}),
              Concat(ColumnText(contract_->columns[column]), " has an item twice"));
  }
}

void RuleCompiler::CompileCardinality(const MapReader& options, int column) {
  std::optional<int64_t> limits[2];
  for (bool minimum : {true, false}) {
    const std::string_view key = minimum ? "minItems" : "maxItems";
    std::optional<int64_t>& limit = limits[minimum ? 0 : 1];
    limit = options.Integer(key);
    if (!limit.has_value()) continue;
    if (*limit < 0) {
      diagnostics_->Error(*options.Find(key), "invalid-value", "a number of items is not negative");
      continue;
    }
    Expression count = Combine(Op::kCardinality, {ColumnOf(column)});
    count.type = ValueType::kInteger;
    AddOption(*options.Find(key), {column}, minimum ? "min_items" : "max_items", "conformity",
              Compare(minimum ? Op::kGreaterEqual : Op::kLessEqual, std::move(count),
                      LiteralExpression(ValueType::kInteger, *limit)));
  }
  if (limits[0] > limits[1] && limits[1].has_value())
    diagnostics_->Error(*options.Find("maxItems"), "invalid-value", "maxItems is below minItems");
}

/// Options of a member of an item that say how it is written are ReadItems's; those that would be
/// rules are refused.
void RuleCompiler::CheckItemOptions(const YamlNode& items, const Member& member) {
  if (member.type == LogicalType::kJson) return CheckMemberOptions(items, member);
  const YamlNode* const node = items.Find("logicalTypeOptions");
  if (node == nullptr) return;
  const MapReader options(*node, OptionKeys(member.type),
                          Concat("logicalTypeOptions of ", Describe(ValueTypeOf(member.type))),
                          diagnostics_);
  if (!node->IsMap()) return;
  for (const KeySpec& spec : OptionKeys(member.type)) {
    const bool written = spec.key == "timezone" || spec.key == "defaultTimezone" ||
                         (spec.key == "format" && member.type != LogicalType::kString);
    if (!written) RefuseItemOption(options, spec.key);
  }
  if (member.type == LogicalType::kNumber) CheckFormat(options, member);
}

/// As deep as objects are nested.
void RuleCompiler::CheckMemberOptions(const YamlNode& object, const Member& owner) {
  for (const YamlNode& property : object.Find("properties")->items) {
    const YamlNode* const name = property.Find("name");
    const auto member = std::find_if(
        owner.members->begin(), owner.members->end(),
        [&](const Member& candidate) { return name != nullptr && candidate.name == name->scalar; });
    if (member == owner.members->end()) continue;
    if (!member->list) {
      CheckItemOptions(property, *member);
      continue;
    }
    if (const YamlNode* const node = property.Find("logicalTypeOptions")) {
      const MapReader options(*node, ArrayOptionKeys(), "logicalTypeOptions of an array",
                              diagnostics_);
      for (const KeySpec& spec : ArrayOptionKeys()) RefuseItemOption(options, spec.key);
    }
    CheckItemOptions(*property.Find("items"), *member);
  }
}

void RuleCompiler::RefuseItemOption(const MapReader& options, std::string_view key) {
  if (!options.Has(key)) return;
  diagnostics_->Error(
      *options.Find(key), "not-supported",
      Concat("\"", key, "\" of a member of an item is not supported: rules do not look into an ",
             "object in an array; let the producer send one record per item, or say it in ",
             "`description`"));
}

void RuleCompiler::CompileBounds(const MapReader& options, const Subject& subject) {
  static constexpr Bound kBounds[] = {
      {"minimum", "exclusiveMinimum", "minimum", Op::kGreaterEqual, Op::kGreater, true},
      {"exclusiveMinimum", "", "exclusive_minimum", Op::kGreater, Op::kGreater, true},
      {"maximum", "exclusiveMaximum", "maximum", Op::kLessEqual, Op::kLess, false},
      {"exclusiveMaximum", "", "exclusive_maximum", Op::kLess, Op::kLess, false},
  };
  const Column target = ColumnFor(subject);
  std::optional<Expression> lower;
  for (const Bound& bound : kBounds) {
    Expression literal;
    if (!ReadBound(bound, options, target, &literal)) continue;
    if (bound.lower) {
      if (!lower.has_value() || AsDouble(literal) > AsDouble(*lower)) lower = literal;
    } else if (lower.has_value() && AsDouble(literal) < AsDouble(*lower)) {
      diagnostics_->Error(*options.Find(bound.key), "invalid-value",
                          "no value is above the minimum and below this");
    }
    const bool strict =
        !bound.strict_flag.empty() && is_v30_ && IsStrictFlag(options, bound.strict_flag);
    AddOption(*options.Find(bound.key), subject, bound.check, "accuracy",
              Compare(strict ? bound.strict_op : bound.op, ValueOf(subject), std::move(literal)));
  }
}

bool RuleCompiler::ReadBound(const Bound& bound, const MapReader& options, const Column& column,
                             Expression* literal) {
  const YamlNode* node = options.Find(bound.key);
  if (node == nullptr) return false;
  if (bound.strict_flag.empty() && ReadBoolean(*node).has_value()) {
    if (!is_v30_) {
      diagnostics_->Error(*node, "wrong-type",
                          Concat("since v3.1.0 \"", bound.key, "\" is a value, not a flag"));
    } else if (*ReadBoolean(*node) && !options.Has(bound.lower ? "minimum" : "maximum")) {
      diagnostics_->Error(*node, "missing-key",
                          Concat("\"", bound.key, "\" has no bound beside it"));
    }
    return false;
  }
  return ReadLiteral(*node, column, literal, diagnostics_);
}

bool RuleCompiler::IsStrictFlag(const MapReader& options, std::string_view key) {
  const YamlNode* node = options.Find(key);
  return node != nullptr && ReadBoolean(*node).value_or(false);
}

Expression RuleCompiler::LengthAtMost(const Subject& subject, int64_t limit) {
  Expression length = Combine(Op::kLength, {ValueOf(subject)});
  length.type = ValueType::kInteger;
  return Compare(Op::kLessEqual, std::move(length), LiteralExpression(ValueType::kInteger, limit));
}

void RuleCompiler::CompileLengths(const MapReader& options, const Subject& subject) {
  std::optional<int64_t> limits[2];
  for (bool minimum : {true, false}) {
    const std::string_view key = minimum ? "minLength" : "maxLength";
    std::optional<int64_t>& limit = limits[minimum ? 0 : 1];
    limit = options.Integer(key);
    if (!limit.has_value()) continue;
    if (*limit < 0) {
      diagnostics_->Error(*options.Find(key), "invalid-value", "a length is not negative");
      continue;
    }
    Expression length = Combine(Op::kLength, {ValueOf(subject)});
    length.type = ValueType::kInteger;
    AddOption(*options.Find(key), subject, minimum ? "min_length" : "max_length", "conformity",
              Compare(minimum ? Op::kGreaterEqual : Op::kLessEqual, std::move(length),
                      LiteralExpression(ValueType::kInteger, *limit)));
  }
  if (limits[0] > limits[1] && limits[1].has_value()) {
    diagnostics_->Error(*options.Find("maxLength"), "invalid-value",
                        "maxLength is below minLength");
  }
}

void RuleCompiler::CompileMultipleOf(const MapReader& options, const Subject& subject) {
  const YamlNode* node = options.Find("multipleOf");
  Expression literal;
  if (node == nullptr || !ReadLiteral(*node, ColumnFor(subject), &literal, diagnostics_)) return;
  if (AsDouble(literal) <= 0) {
    diagnostics_->Error(*node, "invalid-value", "\"multipleOf\" must be above zero");
    return;
  }
  AddOption(*node, subject, "multiple_of", "conformity",
            Compare(Op::kMultipleOf, ValueOf(subject), std::move(literal)));
}

void RuleCompiler::CompilePatterns(const MapReader& options, const Subject& subject) {
  std::string problem;
  if (std::optional<std::string> pattern = options.Text("pattern")) {
    if (auto compiled = CompilePattern(*pattern, &problem)) {
      AddOption(*options.Find("pattern"), subject, "pattern", "conformity",
                Matches(ValueOf(subject), std::move(compiled)));
    } else {
      diagnostics_->Error(*options.Find("pattern"), "pattern", problem);
    }
  }
  std::optional<std::string> name = options.Text("format");
  const StringFormat* format = name.has_value() ? FindStringFormat(*name) : nullptr;
  if (format == nullptr) return;
  Expression predicate = Matches(ValueOf(subject), CompilePattern(format->pattern, &problem));
  if (format->max_length > 0) {
    predicate =
        Combine(Op::kAnd, {LengthAtMost(subject, format->max_length), std::move(predicate)});
  }
  AddOption(*options.Find("format"), subject, "format", "conformity", std::move(predicate),
            Concat(ColumnText(contract_->columns[static_cast<size_t>(subject.column)]),
                   subject.items ? ": item " : " ", format->summary));
}

/// Formats of strings and numbers; those of integers and of times are ReadColumn's.
void RuleCompiler::CheckFormat(const MapReader& options, const Member& member) {
  if (member.type != LogicalType::kString && member.type != LogicalType::kNumber) return;
  std::optional<std::string> format = options.Text("format");
  if (!format.has_value()) return;
  if (member.type == LogicalType::kNumber) {
    if (*format == "f64") return;
    diagnostics_->Error(*options.Find("format"), "not-supported",
                        Concat("format \"", format->substr(0, 60), "\" is not supported; use ",
                               "\"f64\" or leave it out"));
    return;
  }
  if (FindStringFormat(*format) != nullptr) return;
  std::vector<std::string_view> known;
  for (const StringFormat& candidate : StringFormats()) known.push_back(candidate.name);
  const bool is_time = *format == "date" || *format == "date-time" || *format == "time";
  diagnostics_->Error(
      *options.Find("format"), "not-supported",
      Concat("format \"", format->substr(0, 60), "\" is not supported; ",
             is_time ? "use logicalType date, timestamp or time"
                     : Concat("use ", ListOf(known), " or leave it out, or write a `pattern`")));
}

}  // namespace sluice::contract
