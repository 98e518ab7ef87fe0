#pragma once
// Appends instructions to a program, and deals out its registers.

#include <vector>

#include "contract/expression.h"
#include "rules/instruction.h"

namespace sluice::rules {

/// An operand that is a register is taken by the instruction that reads it, and free afterwards.
class InstructionEmitter {
 public:
  /// `out` outlives the emitter.
  explicit InstructionEmitter(std::vector<Instruction>* out) : out_(out) {}

  int registers() const { return static_cast<int>(in_use_.size()); }
  int texts() const { return texts_; }

  /// The result, in a register that is none of its operands; with `repr` as its type.
  Operand Emit(Instruction instruction, Repr repr);
  Operand Unary(Code code, Repr repr, Operand left);
  Operand Binary(Code code, Repr repr, Operand left, Operand right);
  /// The one emitted last, for what only its kind has.
  Instruction& last() { return out_->back(); }
  /// For Instruction::text.
  int NewText() { return texts_++; }

  /// One value per row instead of a scalar.
  Operand Vector(Operand operand);
  /// A second time, so that two instructions can take it.
  Operand Copy(const Operand& operand);
  /// An integer as a double, if that is what `to` is.
  Operand Converted(Operand operand, Repr to);
  /// A date as its midnight; a value of another type as it is.
  Operand AsMicros(Operand operand, contract::ValueType type);

 private:
  int Acquire();
  void Release(const Operand& operand);

  std::vector<Instruction>* const out_;
  std::vector<bool> in_use_;  // by register
  int texts_ = 0;
};

}  // namespace sluice::rules
