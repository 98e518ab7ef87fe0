#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rules/affix.h"
#include "rules/instruction_emitter.h"
#include "rules/program.h"

namespace sluice::rules {
namespace {

using contract::Expression;
using contract::Op;
using contract::ValueType;

Operand Scalar(const Expression& e) {
  Operand scalar;
  scalar.repr = ReprOf(e.type);
  scalar.null = e.type == ValueType::kNull;
  if (const auto* value = std::get_if<bool>(&e.literal)) scalar.boolean = *value;
  if (const auto* value = std::get_if<int64_t>(&e.literal)) scalar.integer = *value;
  if (const auto* value = std::get_if<double>(&e.literal)) scalar.number = *value;
  if (const auto* value = std::get_if<std::string>(&e.literal)) scalar.text = *value;
  return scalar;
}

/// The comparison with its sides exchanged.
Code Mirrored(Code code) {
  switch (code) {
    case Code::kLess:
      return Code::kGreater;
    case Code::kLessEqual:
      return Code::kGreaterEqual;
    case Code::kGreater:
      return Code::kLess;
    case Code::kGreaterEqual:
      return Code::kLessEqual;
    default:
      return code;
  }
}

bool IsComparison(Code code) { return code <= Code::kGreaterEqual; }

}  // namespace

class Program::Compiler {
 public:
  Compiler(ColumnLoader* loader, InstructionEmitter* out) : loader_(loader), out_(*out) {}

  /// The value of `e`. A register is free once an instruction has read it.
  Operand Compile(const Expression& e) {
    switch (e.op) {
      case Op::kColumn:
        return Column(e, e.type == ValueType::kArray ? Facet::kCardinality : Facet::kValue,
                      ReprOf(e.type));
      case Op::kLiteral:
        return Scalar(e);
      case Op::kAnd:
        return Chain(Code::kAnd, e);
      case Op::kOr:
        return Chain(Code::kOr, e);
      case Op::kNot:
        return out_.Unary(Code::kNot, Repr::kBool, Vector(e.args[0]));
      case Op::kEqual:
        return Compare(Code::kEqual, e);
      case Op::kNotEqual:
        return Compare(Code::kNotEqual, e);
      case Op::kLess:
        return Compare(Code::kLess, e);
      case Op::kLessEqual:
        return Compare(Code::kLessEqual, e);
      case Op::kGreater:
        return Compare(Code::kGreater, e);
      case Op::kGreaterEqual:
        return Compare(Code::kGreaterEqual, e);
      case Op::kAdd:
        return Arithmetic(Code::kAdd, e);
      case Op::kSubtract:
        return Arithmetic(Code::kSubtract, e);
      case Op::kMultiply:
        return Arithmetic(Code::kMultiply, e);
      case Op::kDivide:
        return Arithmetic(Code::kDivide, e);
      case Op::kModulo:
        return Arithmetic(Code::kModulo, e);
      case Op::kNegate:
        return out_.Unary(Code::kNegate, ReprOf(e.type), Vector(e.args[0]));
      case Op::kAbs:
        return out_.Unary(Code::kAbs, ReprOf(e.type), Vector(e.args[0]));
      case Op::kIsNull:
        return out_.Unary(Code::kIsNull, Repr::kBool, Vector(e.args[0]));
      case Op::kIsNotNull:
        return out_.Unary(Code::kIsNotNull, Repr::kBool, Vector(e.args[0]));
      case Op::kIn:
        return In(e);
      case Op::kBetween:
        return Between(e);
      case Op::kLike:
        return Like(e);
      case Op::kMatches:
        return Matches(e);
      case Op::kCase:
        return Case(e);
      case Op::kCoalesce:
        return Coalesce(e);
      case Op::kLength:
        return out_.Unary(Code::kLength, Repr::kInt64, Vector(e.args[0]));
      case Op::kCardinality:  // nothing but a column is an array
        return Column(e.args[0], Facet::kCardinality, Repr::kInt64);
      case Op::kUniqueItems:
        return Column(e.args[0], Facet::kUniqueItems, Repr::kBool);
      case Op::kEveryItem:
        return Slot(loader_->SlotOfItems(e.args[0].column, *e.item), Repr::kBool);
      case Op::kLower:
        return LetterCase(Code::kLower, e);
      case Op::kUpper:
        return LetterCase(Code::kUpper, e);
      case Op::kTrim:
        return out_.Unary(Code::kTrim, Repr::kString, Vector(e.args[0]));
      case Op::kDate:
        return Date(e);
      case Op::kTime:
        return out_.Unary(Code::kMicrosInDay, Repr::kInt64, Vector(e.args[0]));
      case Op::kSeconds:
        return Seconds(e);
      case Op::kPart:
        return Part(e);
      case Op::kMultipleOf:
        return CompareOperands(Code::kMultipleOf, Vector(e.args[0]), e.args[0].type,
                               Compile(e.args[1]), e.args[1].type);
    }
    return Operand();
  }

 private:
  /// The same as one value per row.
  Operand Vector(const Expression& e) { return out_.Vector(Compile(e)); }

  Operand Column(const Expression& e, Facet facet, Repr repr) {
    return Slot(loader_->Slot(e.column, facet), repr);
  }

  static Operand Slot(int slot, Repr repr) {
    Operand operand;
    operand.kind = Operand::Kind::kColumn;
    operand.repr = repr;
    operand.index = slot;
    return operand;
  }

  Operand Chain(Code code, const Expression& e) {
    Operand sum = Vector(e.args[0]);
    for (size_t i = 1; i < e.args.size(); ++i)
      sum = out_.Binary(code, Repr::kBool, sum, Vector(e.args[i]));
    return sum;
  }

  Operand Compare(Code code, const Expression& e) {
    return CompareOperands(code, Compile(e.args[0]), e.args[0].type, Compile(e.args[1]),
                           e.args[1].type);
  }

  Operand CompareOperands(Code code, Operand left, ValueType left_type, Operand right,
                          ValueType right_type) {
    if (left_type != right_type &&
        (left_type == ValueType::kTimestamp || right_type == ValueType::kTimestamp)) {
      left = out_.AsMicros(left, left_type);
      right = out_.AsMicros(right, right_type);
    }
    if (left.repr != right.repr) {
      left = out_.Converted(left, Repr::kDouble);
      right = out_.Converted(right, Repr::kDouble);
    }
    return Ordered(code, Repr::kBool, left, right);
  }

  /// Scalars are right operands only.
  Operand Ordered(Code code, Repr repr, Operand left, Operand right) {
    if (left.IsScalar() && !right.IsScalar() && IsComparison(code)) {
      std::swap(left, right);
      code = Mirrored(code);
    }
    return out_.Binary(code, repr, out_.Vector(left), right);
  }

  /// value >= low and value <= high; `value` is computed once.
  Operand Between(const Expression& e) {
    const Operand value = Compile(e.args[0]);
    const Operand copy = out_.Copy(value);
    const ValueType type = e.args[0].type;
    Operand low =
        CompareOperands(Code::kGreaterEqual, copy, type, Compile(e.args[1]), e.args[1].type);
    Operand high =
        CompareOperands(Code::kLessEqual, value, type, Compile(e.args[2]), e.args[2].type);
    return out_.Binary(Code::kAnd, Repr::kBool, low, high);
  }

  Operand In(const Expression& e) {
    auto set = std::make_shared<ValueSet>();
    Operand value = Vector(e.args[0]);
    bool as_micros = e.args[0].type == ValueType::kTimestamp;
    for (size_t i = 1; i < e.args.size(); ++i)
      as_micros = as_micros || e.args[i].type == ValueType::kTimestamp;
    if (as_micros) value = out_.AsMicros(value, e.args[0].type);
    for (size_t i = 1; i < e.args.size(); ++i) {
      Operand literal = out_.Converted(Scalar(e.args[i]), value.repr);
      if (as_micros) literal = out_.AsMicros(literal, e.args[i].type);
      if (literal.repr == Repr::kBool) set->integers.insert(literal.boolean);
      if (literal.repr == Repr::kInt64) set->integers.insert(literal.integer);
      if (literal.repr == Repr::kDouble) set->numbers.push_back(literal.number);
      if (literal.repr == Repr::kString) set->strings.insert(literal.text);
    }
    Operand result = out_.Unary(Code::kIn, Repr::kBool, value);
    out_.last().set = std::move(set);
    return result;
  }

  Operand Arithmetic(Code code, const Expression& e) {
    const Repr repr = ReprOf(e.type);
    const bool times = e.type == ValueType::kTimestamp || e.type == ValueType::kInterval;
    Operand left = out_.Converted(Compile(e.args[0]), repr);
    if (times) left = out_.AsMicros(left, e.args[0].type);
    Operand right = out_.Converted(Compile(e.args[1]), repr);
    if (times) right = out_.AsMicros(right, e.args[1].type);
    return Ordered(code, repr, left, right);
  }

  /// A result of `case` or `coalesce` in the type of them all.
  Operand Result(const Expression& e, ValueType type) {
    Operand operand = Compile(e);
    if (e.type == ValueType::kNull) operand.repr = ReprOf(type);
    operand = out_.Converted(operand, ReprOf(type));
    if (type == ValueType::kTimestamp) operand = out_.AsMicros(operand, e.type);
    return out_.Vector(operand);
  }

  /// From the last branch to the first, so that an earlier one wins. Every operation is total, so
  /// it does no harm to compute what is not chosen.
  Operand Case(const Expression& e) {
    static const auto& null = *new Expression;
    size_t end = e.args.size();
    const Expression& otherwise = end % 2 == 1 ? e.args[--end] : null;
    Operand result = Result(otherwise, e.type);
    for (; end > 0; end -= 2) {
      Instruction choice;
      choice.code = Code::kSelect;
      choice.right = result;
      choice.left = Result(e.args[end - 1], e.type);
      choice.condition = Vector(e.args[end - 2]);
      result = out_.Emit(std::move(choice), result.repr);
    }
    return result;
  }

  Operand Coalesce(const Expression& e) {
    Operand result = Result(e.args[0], e.type);
    for (size_t i = 1; i < e.args.size(); ++i)
      result = out_.Binary(Code::kCoalesce, result.repr, result, Result(e.args[i], e.type));
    return result;
  }

  Operand Like(const Expression& e) {
    std::optional<Affix> affix = AffixOf(std::get<std::string>(e.literal));
    if (!affix) return Matches(e);
    const Operand result = out_.Unary(Code::kAffix, Repr::kBool, Vector(e.args[0]));
    out_.last().affix = std::make_shared<const Affix>(*std::move(affix));
    return result;
  }

  Operand Matches(const Expression& e) {
    const Operand result = out_.Unary(Code::kMatches, Repr::kBool, Vector(e.args[0]));
    out_.last().pattern = e.pattern.get();
    return result;
  }

  Operand LetterCase(Code code, const Expression& e) {
    Operand result = out_.Unary(code, Repr::kString, Vector(e.args[0]));
    out_.last().text = out_.NewText();
    return result;
  }

  Operand Date(const Expression& e) {
    Operand value = Vector(e.args[0]);
    return e.args[0].type == ValueType::kDate
               ? value
               : out_.Unary(Code::kMicrosToDays, Repr::kInt64, value);
  }

  Operand Seconds(const Expression& e) {
    Operand value = out_.AsMicros(Vector(e.args[0]), e.args[0].type);
    return out_.Unary(Code::kMicrosToSeconds, Repr::kDouble, value);
  }

  Operand Part(const Expression& e) {
    const bool of_day = e.part >= contract::TimePart::kHour;
    Operand value = Vector(e.args[0]);
    if (e.args[0].type == ValueType::kTimestamp)
      value = out_.Unary(of_day ? Code::kMicrosInDay : Code::kMicrosToDays, Repr::kInt64, value);
    value = out_.Unary(Code::kPart, Repr::kInt64, value);
    out_.last().part = e.part;
    return value;
  }

  ColumnLoader* loader_;
  InstructionEmitter& out_;
};

Program::Program(const Expression& condition, ColumnLoader* loader, Registers* registers) {
  InstructionEmitter out(&instructions_);
  result_ = Compiler(loader, &out).Compile(condition);
  registers->Reserve(out.registers(), out.texts());
}

}  // namespace sluice::rules
