#include "contract/implication.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contract/expression_parser.h"
#include "contract/expression_text.h"

namespace sluice::contract {
namespace {

// Integers up to here are the same whether they are read as integers or as numbers.
constexpr long double kExact = 4'503'599'627'370'496;  // 2^52

/// `a and b` is false when one of them is false, and only then: so its parts are passed one by one.
void CollectParts(const Expression& condition, std::vector<const Expression*>* parts) {
  if (condition.op != Op::kAnd) {
    parts->push_back(&condition);
    return;
  }
  for (const Expression& part : condition.args) CollectParts(part, parts);
}

void CollectColumns(const Expression& expression, std::set<int>* columns) {
  if (expression.op == Op::kColumn) columns->insert(expression.column);
  for (const Expression& arg : expression.args) CollectColumns(arg, columns);
}

bool LooksAtItems(const Expression& expression) {
  return expression.op == Op::kUniqueItems || expression.op == Op::kEveryItem ||
         std::any_of(expression.args.begin(), expression.args.end(), LooksAtItems);
}

/// Whether null is the answer whenever one of its columns is null.
bool IsNullWithNull(const Expression& expression) {
  switch (expression.op) {
    case Op::kColumn:
    case Op::kLiteral:
    case Op::kNot:
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kNegate:
    case Op::kMatches:
    case Op::kAbs:
    case Op::kLength:
    case Op::kCardinality:
    case Op::kUniqueItems:
    case Op::kEveryItem:
    case Op::kDate:
    case Op::kSeconds:
    case Op::kMultipleOf:
      break;
    case Op::kIn: {
      const bool plain =
          std::all_of(expression.args.begin() + 1, expression.args.end(),
                      [](const Expression& literal) { return literal.type != ValueType::kNull; });
      if (!plain) return false;
      break;
    }
    default:
      return false;
  }
  return std::all_of(expression.args.begin(), expression.args.end(), IsNullWithNull);
}

/// `subject < value` and the like.
struct Bound {
  std::string subject;
  bool plain_column = false;
  bool lower = false;
  bool strict = false;
  ValueType unit = ValueType::kNumber;  // what `value` counts: days are no microseconds
  long double value = 0;
};

std::optional<Bound> ReadBound(const Expression& part, const std::vector<Column>& columns) {
  Bound bound;
  switch (part.op) {
    case Op::kLess:
    case Op::kGreater:
      bound.strict = true;
      break;
    case Op::kLessEqual:
    case Op::kGreaterEqual:
      break;
    default:
      return std::nullopt;
  }
  bound.lower = part.op == Op::kGreater || part.op == Op::kGreaterEqual;
  const Expression& literal = part.args[1];
  if (literal.op != Op::kLiteral) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(&literal.literal)) {
    bound.value = static_cast<long double>(*integer);
  } else if (const auto* number = std::get_if<double>(&literal.literal)) {
    bound.value = static_cast<long double>(*number);
  } else {
    return std::nullopt;
  }
  if (literal.type != ValueType::kInteger) bound.unit = literal.type;
  bound.subject = ToText(part.args[0], columns);
  bound.plain_column = part.args[0].op == Op::kColumn;
  return bound;
}

bool IsAsTight(const Bound& a, const Bound& b) {
  if (a.subject != b.subject || a.lower != b.lower || a.unit != b.unit) return false;
  if (a.value == b.value) return a.strict || !b.strict;
  return a.lower ? a.value > b.value : a.value < b.value;
}

std::set<std::string> Texts(const Expression& list, const std::vector<Column>& columns) {
  std::set<std::string> texts;
  for (size_t i = 1; i < list.args.size(); ++i) texts.insert(ToText(list.args[i], columns));
  return texts;
}

/// Lists of values: `x in (1)` makes sure of `x in (1, 2)`, `not x in (1, 2)` of `not x in (1)`.
bool ListImplies(const Expression& a, const std::vector<Column>& a_columns, const Expression& b,
                 const std::vector<Column>& b_columns) {
  if (a.op != b.op) return false;
  if (a.op == Op::kNot) {
    return a.args[0].op == Op::kIn && ListImplies(b.args[0], b_columns, a.args[0], a_columns);
  }
  if (a.op != Op::kIn || ToText(a.args[0], a_columns) != ToText(b.args[0], b_columns)) return false;
  const std::set<std::string> some = Texts(a, a_columns), all = Texts(b, b_columns);
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

/// The columns that a part reads, as the other contract has them.
enum class Reading { kSame, kIntegerAndNumber, kDifferent };

class Implication {
 public:
  Implication(const Contract& by, const Contract& contract) : by_(by), contract_(contract) {
    for (const Rule& rule : by.rules) {
      if (IsEnforced(rule)) CollectParts(rule.predicate, &known_);
    }
  }

  bool Covers(const Expression& part) const {
    if (PassesWithoutColumns(part) || IsRequired(part)) return true;
    const Reading reading = ReadingOf(part);
    if (reading == Reading::kDifferent) return false;
    const std::string text = ToText(part, contract_.columns);
    const std::optional<Bound> bound = ReadBound(part, contract_.columns);
    if (reading == Reading::kIntegerAndNumber &&
        (!bound || !bound->plain_column || std::fabs(bound->value) > kExact)) {
      return false;
    }
    return std::any_of(known_.begin(), known_.end(), [&](const Expression* known) {
      if (bound) {
        const std::optional<Bound> other = ReadBound(*known, by_.columns);
        return other && IsAsTight(*other, *bound) &&
               (reading == Reading::kSame || std::fabs(other->value) <= kExact);
      }
      return ToText(*known, by_.columns) == text || ItemsImply(*known, part) ||
             ListImplies(*known, by_.columns, part, contract_.columns);
    });
  }

 private:
  const Column* InBy(int column) const {
    const int index = by_.FindCounterpart(contract_.columns[static_cast<size_t>(column)]);
    return index < 0 ? nullptr : &by_.columns[static_cast<size_t>(index)];
  }

  /// Whether what `known` makes sure of every item of an array is more than `part` asks of the
  /// items of the same one.
  bool ItemsImply(const Expression& known, const Expression& part) const {
    if (known.op != Op::kEveryItem || part.op != Op::kEveryItem) return false;
    const Column& array = contract_.columns[static_cast<size_t>(part.args[0].column)];
    const Column& other = by_.columns[static_cast<size_t>(known.args[0].column)];
    if (InBy(part.args[0].column) != &other) return false;
    const auto of_items = [](const Column& column, const Expression& condition) {
      Contract contract;
      contract.columns.push_back(ItemColumn(column));
      contract.rules.emplace_back().predicate = condition;
      return contract;
    };
    const Contract items = of_items(array, *part.item);
    return Implies(of_items(other, *known.item), items, items.rules[0]);
  }

  /// A record that `by` accepts has none of the members that `by` does not name, and what reads
  /// them is null.
  bool PassesWithoutColumns(const Expression& part) const {
    if (by_.unknown_fields != UnknownFields::kReject || !IsNullWithNull(part)) return false;
    std::set<int> columns;
    CollectColumns(part, &columns);
    return std::any_of(columns.begin(), columns.end(), [this](int column) {
      return column != kTimestampColumn && InBy(column) == nullptr;
    });
  }

  bool IsRequired(const Expression& part) const {
    if (part.op != Op::kIsNotNull || part.args[0].op != Op::kColumn) return false;
    if (part.args[0].column == kTimestampColumn) return false;
    const Column* const column = InBy(part.args[0].column);
    return column != nullptr && IsNeverNull(*column);
  }

  bool IsNeverNull(const Column& column) const {
    bool never = column.required;
    for (int object = column.object; object >= 0;
         object = by_.objects[static_cast<size_t>(object)].parent)
      never = never && by_.objects[static_cast<size_t>(object)].required;
    return never;
  }

  Reading ReadingOf(const Expression& part) const {
    std::set<int> columns;
    CollectColumns(part, &columns);
    Reading reading = Reading::kSame;
    for (const int index : columns) {
      if (index == kTimestampColumn) continue;
      const Column* const other = InBy(index);
      if (other == nullptr) return Reading::kDifferent;
      const Column& column = contract_.columns[static_cast<size_t>(index)];
      const LogicalType type = column.type;
      if (column.list != other->list) return Reading::kDifferent;
      if (type == other->type) continue;
      if (column.list && LooksAtItems(part)) return Reading::kDifferent;
      if (column.list) continue;  // as many, whatever their type
      const auto is_numeric = [](LogicalType t) {
        return t == LogicalType::kInteger || t == LogicalType::kNumber;
      };
      if (!is_numeric(type) || !is_numeric(other->type)) return Reading::kDifferent;
      reading = Reading::kIntegerAndNumber;
    }
    return reading;
  }

  const Contract& by_;
  const Contract& contract_;
  std::vector<const Expression*> known_;  // what `by` makes sure of
};

}  // namespace

bool IsEnforced(const Rule& rule) { return rule.action != Action::kWarn; }

bool Implies(const Contract& by, const Contract& contract, const Rule& rule) {
  std::vector<const Expression*> parts;
  CollectParts(rule.predicate, &parts);
  const Implication implication(by, contract);
  return std::all_of(parts.begin(), parts.end(),
                     [&](const Expression* part) { return implication.Covers(*part); });
}

}  // namespace sluice::contract
