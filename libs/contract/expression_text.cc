#include "contract/expression_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "contract/expression_functions.h"
#include "contract/expression_lexer.h"
#include "contract/expression_parser.h"
#include "contract/timestamp.h"
#include "re2/re2.h"

namespace sluice::contract {
namespace {

constexpr size_t kMaxViolationBytes = 120;

/// The symbol of a binary operator, empty when `op` is none.
std::string_view Symbol(Op op) {
  switch (op) {
    case Op::kEqual:
      return "=";
    case Op::kNotEqual:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    case Op::kGreaterEqual:
      return ">=";
    case Op::kAdd:
      return "+";
    case Op::kSubtract:
      return "-";
    case Op::kMultiply:
      return "*";
    case Op::kDivide:
      return "/";
    case Op::kModulo:
      return "%";
    default:
      return "";
  }
}

std::string_view NegatedSymbol(Op op) {
  switch (op) {
    case Op::kEqual:
      return "!=";
    case Op::kNotEqual:
      return "=";
    case Op::kLess:
      return ">=";
    case Op::kLessEqual:
      return ">";
    case Op::kGreater:
      return "<=";
    case Op::kGreaterEqual:
      return "<";
    default:
      return "";
  }
}

std::string QuoteString(std::string_view text) {
  return Concat("'", absl::StrReplaceAll(AbslView(text), {{"'", "''"}}), "'");
}

/// Zero is no time at all: `interval '0'`.
std::string IntervalText(int64_t micros) {
  struct Unit {
    int64_t micros;
    std::string_view name;
  };
  static constexpr Unit kUnits[] = {
      {kMicrosPerDay, "day"},
      {3600 * kMicrosPerSecond, "hour"},
      {60 * kMicrosPerSecond, "minute"},
      {kMicrosPerSecond, "second"},
      {1000, "millisecond"},
      {1, "microsecond"},
  };
  const std::string_view sign = micros < 0 ? "-" : "";
  if (micros == 0) return "interval '0'";
  const Unit& unit = *std::find_if(std::begin(kUnits), std::end(kUnits),
                                   [&](const Unit& u) { return micros % u.micros == 0; });
  const int64_t count = std::abs(micros / unit.micros);
  return Concat(sign, "interval '", count, " ", unit.name, count == 1 ? "" : "s", "'");
}

std::string LiteralText(const Expression& e) {
  std::string text;
  switch (e.type) {
    case ValueType::kNull:
      return "null";
    case ValueType::kBoolean:
      return std::get<bool>(e.literal) ? "true" : "false";
    case ValueType::kInteger:
      return Concat(std::get<int64_t>(e.literal));
    case ValueType::kNumber:
      return NumberText(std::get<double>(e.literal));
    case ValueType::kString:
      return QuoteString(std::get<std::string>(e.literal));
    case ValueType::kDate:
      AppendDate(std::get<int64_t>(e.literal), &text);
      break;
    case ValueType::kTimestamp:
      AppendTimestamp(std::get<int64_t>(e.literal), &text);
      break;
    case ValueType::kTime:
      AppendTimeOfDay(std::get<int64_t>(e.literal), &text);
      break;
    case ValueType::kInterval:
      return IntervalText(std::get<int64_t>(e.literal));
    case ValueType::kArray:
      break;
  }
  return QuoteString(text);
}

bool IsLeaf(const Expression& e) {
  return e.op == Op::kColumn || e.op == Op::kLiteral || e.op == Op::kCase ||
         FunctionOf(e) != nullptr;
}

/// Sums and products: operators that are read from left to right without parentheses.
int ChainOf(Op op) {
  if (op == Op::kAdd || op == Op::kSubtract) return 1;
  return op == Op::kMultiply || op == Op::kDivide || op == Op::kModulo ? 2 : 0;
}

/// An operand, in parentheses unless it is a leaf.
std::string Operand(const Expression& e, const std::vector<Column>& columns) {
  if (IsLeaf(e)) return ToText(e, columns);
  return Concat("(", ToText(e, columns), ")");
}

std::string Join(const std::vector<Expression>& args, size_t first, std::string_view separator,
                 const std::vector<Column>& columns) {
  std::string text;
  for (size_t i = first; i < args.size(); ++i) {
    Append(&text, i == first ? "" : separator, Operand(args[i], columns));
  }
  return text;
}

/// case when a then b else c end
std::string CaseText(const Expression& e, const std::vector<Column>& columns) {
  std::string text = "case";
  for (size_t i = 0; i < e.args.size(); ++i) {
    const bool is_else = i % 2 == 0 && i + 1 == e.args.size();
    Append(&text,
           is_else      ? " else "
           : i % 2 == 0 ? " when "
                        : " then ",
           ToText(e.args[i], columns));
  }
  return text + " end";
}

/// The part of an `in`, `between`, `like` or `matches` behind the optional `not`.
std::string Predicate(const Expression& e, const std::vector<Column>& columns) {
  if (e.op == Op::kIn) return Concat("in (", Join(e.args, 1, ", ", columns), ")");
  if (e.op == Op::kBetween) return Concat("between ", Join(e.args, 1, " and ", columns));
  if (e.op == Op::kLike) return Concat("like ", QuoteString(std::get<std::string>(e.literal)));
  return Concat("matches ", QuoteString(e.pattern->pattern()));
}

bool IsPredicate(Op op) {
  return op == Op::kIn || op == Op::kBetween || op == Op::kMatches || op == Op::kLike;
}

bool IsPlainWord(std::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

std::string InBackticks(std::string_view name) {
  return Concat("`", absl::StrReplaceAll(AbslView(name), {{"`", "``"}}), "`");
}

std::string Shorten(std::string text) {
  if (text.size() <= kMaxViolationBytes) return text;
  size_t end = kMaxViolationBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

}  // namespace

std::string ToText(const Expression& e, const std::vector<Column>& columns) {
  switch (e.op) {
    case Op::kColumn:
      return e.column == kTimestampColumn ? "_timestamp" : ColumnText(columns[e.column]);
    case Op::kLiteral:
      return LiteralText(e);
    case Op::kAnd:
      return Join(e.args, 0, " and ", columns);
    case Op::kOr:
      return Join(e.args, 0, " or ", columns);
    case Op::kNot:
      if (IsPredicate(e.args[0].op)) {
        return Concat(Operand(e.args[0].args[0], columns), " not ", Predicate(e.args[0], columns));
      }
      if (e.args[0].op == Op::kNot) return Concat("not ", ToText(e.args[0], columns));
      return Concat("not ", Operand(e.args[0], columns));
    case Op::kNegate:
      return Concat("-", Operand(e.args[0], columns));
    case Op::kIsNull:
      return Concat(Operand(e.args[0], columns), " is null");
    case Op::kIsNotNull:
      return Concat(Operand(e.args[0], columns), " is not null");
    case Op::kIn:
    case Op::kBetween:
    case Op::kMatches:
    case Op::kLike:
      return Concat(Operand(e.args[0], columns), " ", Predicate(e, columns));
    case Op::kCase:
      return CaseText(e, columns);
    case Op::kEveryItem:
      return Concat("every item of ", ToText(e.args[0], columns), ": ",
                    ToText(*e.item, {ItemColumn(columns[e.args[0].column])}));
    default:
      break;
  }
  if (const Function* function = FunctionOf(e)) {
    std::string args;
    for (const Expression& arg : e.args)
      Append(&args, args.empty() ? "" : ", ", ToText(arg, columns));
    return Concat(function->name, "(", args, ")");
  }
  const bool goes_on = ChainOf(e.op) != 0 && ChainOf(e.op) == ChainOf(e.args[0].op);
  return Concat(goes_on ? ToText(e.args[0], columns) : Operand(e.args[0], columns), " ",
                Symbol(e.op), " ", Operand(e.args[1], columns));
}

std::string ViolationText(const Expression& e, const std::vector<Column>& columns) {
  if (std::string_view symbol = NegatedSymbol(e.op); !symbol.empty()) {
    return Shorten(
        Concat(Operand(e.args[0], columns), " ", symbol, " ", Operand(e.args[1], columns)));
  }
  switch (e.op) {
    case Op::kIsNotNull:
      return Shorten(Concat(Operand(e.args[0], columns), " null"));
    case Op::kIsNull:
      return Shorten(Concat(Operand(e.args[0], columns), " not null"));
    case Op::kNot:
      return Shorten(ToText(e.args[0], columns));
    case Op::kIn:
    case Op::kBetween:
    case Op::kLike:
      return Shorten(Concat(Operand(e.args[0], columns), " not ", Predicate(e, columns)));
    case Op::kMatches:
      return Shorten(Concat(Operand(e.args[0], columns), " does not match ", e.pattern->pattern()));
    case Op::kEveryItem:
      return Shorten(Concat(ToText(e.args[0], columns), ": ",
                            ViolationText(*e.item, {ItemColumn(columns[e.args[0].column])})));
    case Op::kMultipleOf:
      return Shorten(
          Concat(Operand(e.args[0], columns), " not a multiple of ", LiteralText(e.args[1])));
    default:
      return Shorten(Concat("not (", ToText(e, columns), ")"));
  }
}

std::string ColumnText(const Column& column) {
  if (column.object < 0) return QuoteName(column.name);
  const std::vector<std::string> names = absl::StrSplit(column.name, '.');
  const bool plain = std::all_of(names.begin(), names.end(),
                                 [](const std::string& name) { return IsPlainWord(name); });
  return plain ? column.name : InBackticks(column.name);
}

std::string QuoteName(std::string_view name) {
  bool plain = IsPlainWord(name);
  for (std::string_view word : kReservedWords) {
    plain = plain && !absl::EqualsIgnoreCase(AbslView(name), AbslView(word));
  }
  if (plain) return std::string(name);
  return InBackticks(name);
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value == 0 && std::signbit(value)) return "-0.0";  // -0 reads back as an integer
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, result.ptr);
}

}  // namespace sluice::contract
