#include <algorithm>
#include <utility>

#include "contract/timestamp.h"
#include "re2/re2.h"
#include "rules/kernels.h"
#include "rules/program.h"

namespace sluice::rules {
namespace {

using contract::Expression;
using contract::Op;
using contract::ValueType;

Repr ReprOf(ValueType type) {
  switch (type) {
    case ValueType::kNumber:
      return Repr::kDouble;
    case ValueType::kString:
      return Repr::kString;
    case ValueType::kInteger:
    case ValueType::kDate:
    case ValueType::kTimestamp:
    case ValueType::kTime:
    case ValueType::kInterval:
    case ValueType::kArray:  // its number of items
      return Repr::kInt64;
    case ValueType::kNull:
    case ValueType::kBoolean:
      break;
  }
  return Repr::kBool;
}

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

bool IsScalar(const Operand& operand) { return operand.kind == Operand::Kind::kScalar; }

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

/// What a pattern of `like` asks for when it has % at its ends only, and no _; else null.
std::shared_ptr<const Affix> AffixOf(std::string_view pattern) {
  Affix affix{"", true, true};
  for (; !pattern.empty() && pattern.front() == '%'; pattern.remove_prefix(1)) affix.begins = false;
  while (!pattern.empty()) {
    const char character = pattern.front();
    pattern.remove_prefix(1);
    if (character == '_' || !affix.ends) return nullptr;
    if (character == '%') {
      while (!pattern.empty() && pattern.front() == '%') pattern.remove_prefix(1);
      affix.ends = false;
    } else if (character == '\\') {
      affix.text += pattern.front();  // CompileLike has refused one that ends with its escape
      pattern.remove_prefix(1);
    } else {
      affix.text += character;
    }
  }
  return std::make_shared<const Affix>(std::move(affix));
}

bool IsComparison(Code code) { return code <= Code::kGreaterEqual; }

}  // namespace

class Program::Compiler {
 public:
  Compiler(ColumnLoader* loader, std::vector<Instruction>* out) : loader_(loader), out_(out) {}

  int registers() const { return static_cast<int>(in_use_.size()); }
  int texts() const { return texts_; }

  /// The value of `e`. A register is the caller's to release.
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
        return Unary(Code::kNot, Repr::kBool, Vector(Compile(e.args[0])));
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
        return Unary(Code::kNegate, ReprOf(e.type), Vector(Compile(e.args[0])));
      case Op::kAbs:
        return Unary(Code::kAbs, ReprOf(e.type), Vector(Compile(e.args[0])));
      case Op::kIsNull:
        return Unary(Code::kIsNull, Repr::kBool, Vector(Compile(e.args[0])));
      case Op::kIsNotNull:
        return Unary(Code::kIsNotNull, Repr::kBool, Vector(Compile(e.args[0])));
      case Op::kIn:
        return In(e);
      case Op::kBetween:
        return Between(e);
      case Op::kLike:
        if (std::shared_ptr<const Affix> affix = AffixOf(std::get<std::string>(e.literal))) {
          Operand result = Unary(Code::kAffix, Repr::kBool, Vector(Compile(e.args[0])));
          out_->back().affix = std::move(affix);
          return result;
        }
        [[fallthrough]];
      case Op::kMatches: {
        Operand result = Unary(Code::kMatches, Repr::kBool, Vector(Compile(e.args[0])));
        out_->back().pattern = e.pattern.get();
        return result;
      }
      case Op::kCase:
        return Case(e);
      case Op::kCoalesce:
        return Coalesce(e);
      case Op::kLength:
        return Unary(Code::kLength, Repr::kInt64, Vector(Compile(e.args[0])));
      case Op::kCardinality:  // nothing but a column is an array
        return Column(e.args[0], Facet::kCardinality, Repr::kInt64);
      case Op::kUniqueItems:
        return Column(e.args[0], Facet::kUniqueItems, Repr::kBool);
      case Op::kEveryItem: {
        Operand kept;
        kept.kind = Operand::Kind::kColumn;
        kept.repr = Repr::kBool;
        kept.index = loader_->SlotOfItems(e.args[0].column, *e.item);
        return kept;
      }
      case Op::kLower:
        return LetterCase(Code::kLower, e);
      case Op::kUpper:
        return LetterCase(Code::kUpper, e);
      case Op::kTrim:
        return Unary(Code::kTrim, Repr::kString, Vector(Compile(e.args[0])));
      case Op::kDate:
        return Date(e);
      case Op::kTime:
        return Unary(Code::kMicrosInDay, Repr::kInt64, Vector(Compile(e.args[0])));
      case Op::kSeconds:
        return Seconds(e);
      case Op::kPart:
        return Part(e);
      case Op::kMultipleOf:
        return CompareOperands(Code::kMultipleOf, Vector(Compile(e.args[0])), e.args[0].type,
                               Compile(e.args[1]), e.args[1].type);
    }
    return Operand();
  }

 private:
  int Acquire() {
    auto free = std::find(in_use_.begin(), in_use_.end(), false);
    if (free == in_use_.end()) free = in_use_.insert(free, false);
    *free = true;
    return static_cast<int>(free - in_use_.begin());
  }
  void Release(const Operand& operand) {
    if (operand.kind == Operand::Kind::kRegister) in_use_[operand.index] = false;
  }

  Operand Column(const Expression& e, Facet facet, Repr repr) {
    Operand operand;
    operand.kind = Operand::Kind::kColumn;
    operand.repr = repr;
    operand.index = loader_->Slot(e.column, facet);
    return operand;
  }

  /// Emit an instruction. Its target is another register than its operands, which are free
  /// afterwards.
  Operand Emit(Instruction instruction, Repr repr) {
    Operand result;
    result.kind = Operand::Kind::kRegister;
    result.repr = repr;
    result.index = Acquire();
    Release(instruction.left);
    Release(instruction.right);
    Release(instruction.condition);
    instruction.target = result.index;
    out_->push_back(std::move(instruction));
    return result;
  }
  Operand Unary(Code code, Repr repr, Operand left) {
    Instruction instruction;
    instruction.code = code;
    instruction.left = left;
    return Emit(std::move(instruction), repr);
  }
  Operand Binary(Code code, Repr repr, Operand left, Operand right) {
    Instruction instruction;
    instruction.code = code;
    instruction.left = left;
    instruction.right = right;
    return Emit(std::move(instruction), repr);
  }

  /// No scalar: one value per row.
  Operand Vector(Operand operand) {
    return IsScalar(operand) ? Unary(Code::kBroadcast, operand.repr, operand) : operand;
  }

  Operand Converted(Operand operand, Repr to) {
    if (to != Repr::kDouble || operand.repr != Repr::kInt64) return operand;
    if (!IsScalar(operand)) return Unary(Code::kToDouble, Repr::kDouble, operand);
    operand.repr = Repr::kDouble;
    operand.number = static_cast<double>(operand.integer);
    return operand;
  }

  /// A date as its midnight.
  Operand AsMicros(Operand operand, ValueType type) {
    if (type != ValueType::kDate) return operand;
    if (!IsScalar(operand)) return Unary(Code::kDaysToMicros, Repr::kInt64, operand);
    operand.integer = SaturatingMultiply(operand.integer, contract::kMicrosPerDay);
    return operand;
  }

  Operand Chain(Code code, const Expression& e) {
    Operand sum = Vector(Compile(e.args[0]));
    for (size_t i = 1; i < e.args.size(); ++i)
      sum = Binary(code, Repr::kBool, sum, Vector(Compile(e.args[i])));
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
      left = AsMicros(left, left_type);
      right = AsMicros(right, right_type);
    }
    if (left.repr != right.repr) {
      left = Converted(left, Repr::kDouble);
      right = Converted(right, Repr::kDouble);
    }
    return Ordered(code, Repr::kBool, left, right);
  }

  /// Scalars are right operands only.
  Operand Ordered(Code code, Repr repr, Operand left, Operand right) {
    if (IsScalar(left) && !IsScalar(right) && IsComparison(code)) {
      std::swap(left, right);
      code = Mirrored(code);
    }
    return Binary(code, repr, Vector(left), right);
  }

  Operand Arithmetic(Code code, const Expression& e) {
    const Repr repr = ReprOf(e.type);
    const bool times = e.type == ValueType::kTimestamp || e.type == ValueType::kInterval;
    Operand left = Converted(Compile(e.args[0]), repr);
    if (times) left = AsMicros(left, e.args[0].type);
    Operand right = Converted(Compile(e.args[1]), repr);
    if (times) right = AsMicros(right, e.args[1].type);
    return Ordered(code, repr, left, right);
  }

  /// A result of `case` or `coalesce` in the type of them all.
  Operand Result(const Expression& e, ValueType type) {
    Operand operand = Compile(e);
    if (e.type == ValueType::kNull) operand.repr = ReprOf(type);
    operand = Converted(operand, ReprOf(type));
    if (type == ValueType::kTimestamp) operand = AsMicros(operand, e.type);
    return Vector(operand);
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
      choice.condition = Vector(Compile(e.args[end - 2]));
      result = Emit(std::move(choice), result.repr);
    }
    return result;
  }

  Operand Coalesce(const Expression& e) {
    Operand result = Result(e.args[0], e.type);
    for (size_t i = 1; i < e.args.size(); ++i)
      result = Binary(Code::kCoalesce, result.repr, result, Result(e.args[i], e.type));
    return result;
  }

  Operand LetterCase(Code code, const Expression& e) {
    Operand result = Unary(code, Repr::kString, Vector(Compile(e.args[0])));
    out_->back().text = texts_++;
    return result;
  }

  Operand Part(const Expression& e) {
    const bool of_day = e.part >= contract::TimePart::kHour;
    Operand value = Vector(Compile(e.args[0]));
    if (e.args[0].type == ValueType::kTimestamp)
      value = Unary(of_day ? Code::kMicrosInDay : Code::kMicrosToDays, Repr::kInt64, value);
    value = Unary(Code::kPart, Repr::kInt64, value);
    out_->back().part = e.part;
    return value;
  }

  /// value >= low and value <= high; `value` is computed once.
  Operand Between(const Expression& e) {
    const Operand value = Compile(e.args[0]);
    Operand copy = value;
    if (value.kind == Operand::Kind::kRegister) {  // the first comparison frees its operands
      Instruction keep;
      keep.code = Code::kBroadcast;
      keep.left = value;
      copy = Emit(keep, value.repr);
      in_use_[value.index] = true;
    }
    const ValueType type = e.args[0].type;
    Operand low =
        CompareOperands(Code::kGreaterEqual, copy, type, Compile(e.args[1]), e.args[1].type);
    Operand high =
        CompareOperands(Code::kLessEqual, value, type, Compile(e.args[2]), e.args[2].type);
    return Binary(Code::kAnd, Repr::kBool, low, high);
  }

  Operand In(const Expression& e) {
    auto set = std::make_shared<ValueSet>();
    Operand value = Vector(Compile(e.args[0]));
    bool as_micros = e.args[0].type == ValueType::kTimestamp;
    for (size_t i = 1; i < e.args.size(); ++i)
      as_micros = as_micros || e.args[i].type == ValueType::kTimestamp;
    if (as_micros) value = AsMicros(value, e.args[0].type);
    for (size_t i = 1; i < e.args.size(); ++i) {
      Operand literal = Converted(Scalar(e.args[i]), value.repr);
      if (as_micros) literal = AsMicros(literal, e.args[i].type);
      if (literal.repr == Repr::kBool) set->integers.insert(literal.boolean);
      if (literal.repr == Repr::kInt64) set->integers.insert(literal.integer);
      if (literal.repr == Repr::kDouble) set->numbers.push_back(literal.number);
      if (literal.repr == Repr::kString) set->strings.insert(literal.text);
    }
    Operand result = Unary(Code::kIn, Repr::kBool, value);
    out_->back().set = std::move(set);
    return result;
  }

  Operand Date(const Expression& e) {
    Operand value = Vector(Compile(e.args[0]));
    return e.args[0].type == ValueType::kDate ? value
                                              : Unary(Code::kMicrosToDays, Repr::kInt64, value);
  }

  Operand Seconds(const Expression& e) {
    Operand value = AsMicros(Vector(Compile(e.args[0])), e.args[0].type);
    return Unary(Code::kMicrosToSeconds, Repr::kDouble, value);
  }

  ColumnLoader* loader_;
  std::vector<Instruction>* out_;
  std::vector<bool> in_use_;
  int texts_ = 0;
};

Program::Program(const Expression& condition, ColumnLoader* loader, Registers* registers) {
  Compiler compiler(loader, &instructions_);
  result_ = compiler.Compile(condition);
  registers->Reserve(compiler.registers(), compiler.texts());
}

}  // namespace sluice::rules
