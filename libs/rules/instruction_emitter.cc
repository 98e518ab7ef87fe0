#include "rules/instruction_emitter.h"

#include <algorithm>
#include <utility>

#include "contract/timestamp.h"
#include "rules/arithmetic.h"

namespace sluice::rules {

Operand InstructionEmitter::Emit(Instruction instruction, Repr repr) {
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

Operand InstructionEmitter::Unary(Code code, Repr repr, Operand left) {
  Instruction instruction;
  instruction.code = code;
  instruction.left = left;
  return Emit(std::move(instruction), repr);
}

Operand InstructionEmitter::Binary(Code code, Repr repr, Operand left, Operand right) {
  Instruction instruction;
  instruction.code = code;
  instruction.left = left;
  instruction.right = right;
  return Emit(std::move(instruction), repr);
}

Operand InstructionEmitter::Vector(Operand operand) {
  return operand.IsScalar() ? Unary(Code::kBroadcast, operand.repr, operand) : operand;
}

Operand InstructionEmitter::Copy(const Operand& operand) {
  if (operand.kind != Operand::Kind::kRegister) return operand;
  const Operand copy = Unary(Code::kBroadcast, operand.repr, operand);
  in_use_[operand.index] = true;
  return copy;
}

Operand InstructionEmitter::Converted(Operand operand, Repr to) {
  if (to != Repr::kDouble || operand.repr != Repr::kInt64) return operand;
  if (!operand.IsScalar()) return Unary(Code::kToDouble, Repr::kDouble, operand);
  operand.repr = Repr::kDouble;
  operand.number = static_cast<double>(operand.integer);
  return operand;
}

Operand InstructionEmitter::AsMicros(Operand operand, contract::ValueType type) {
  if (type != contract::ValueType::kDate) return operand;
  if (!operand.IsScalar()) return Unary(Code::kDaysToMicros, Repr::kInt64, operand);
  operand.integer = SaturatingMultiply(operand.integer, contract::kMicrosPerDay);
  return operand;
}

int InstructionEmitter::Acquire() {
  auto free = std::find(in_use_.begin(), in_use_.end(), false);
  if (free == in_use_.end()) free = in_use_.insert(free, false);
  *free = true;
  return static_cast<int>(free - in_use_.begin());
}

void InstructionEmitter::Release(const Operand& operand) {
  if (operand.kind == Operand::Kind::kRegister) in_use_[operand.index] = false;
}

}  // namespace sluice::rules
