#pragma once
// An instruction at work on the rows of a chunk: where its operands lie, where its result goes, and
// the loops that most instructions are. steps.h has the instructions.

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "rules/column_loader.h"
#include "rules/instruction.h"
#include "rules/registers.h"

namespace sluice::rules {

/// out[i] = f(a[i], b[i])
template <typename Out, typename In, typename F>
void MapVectors(const In* __restrict a, const In* __restrict b, int rows, Out* __restrict out,
                F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i], b[i]);
}

/// out[i] = f(a[i], b)
template <typename Out, typename In, typename F>
void MapScalar(const In* __restrict a, In b, int rows, Out* __restrict out, F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i], b);
}

/// out[i] = f(a[i])
template <typename Out, typename In, typename F>
void Map(const In* __restrict a, int rows, Out* __restrict out, F f) {
  for (int i = 0; i < rows; ++i) out[i] = f(a[i]);
}

/// Whether value `i` of a vector is one.
inline uint8_t IsValid(const uint8_t* valid, int i) { return valid == nullptr ? 1 : valid[i]; }

template <typename T>
T ScalarAs(const Operand& operand) {
  if constexpr (std::is_same_v<T, uint8_t>) return operand.boolean;
  if constexpr (std::is_same_v<T, int64_t>) return operand.integer;
  if constexpr (std::is_same_v<T, double>) return operand.number;
  if constexpr (std::is_same_v<T, std::string_view>) return operand.text;
}

/// Call `f.operator()<T>()` with the type that holds such values.
template <typename F>
void WithTypeOf(Repr repr, F f) {
  switch (repr) {
    case Repr::kBool:
      return f.template operator()<uint8_t>();
    case Repr::kInt64:
      return f.template operator()<int64_t>();
    case Repr::kDouble:
      return f.template operator()<double>();
    case Repr::kString:
      return f.template operator()<std::string_view>();
  }
}

/// Nothing of it is owned. Loops over rows keep what they need of a step in variables of their own:
/// what they write might be a part of it, as far as the compiler knows.
class Step {
 public:
  Step(const Instruction& instruction, const ColumnLoader& loader, Registers* registers,
       const uint8_t* judged, int rows)
      : instruction(instruction),
        left(ViewOf(instruction.left, loader, registers)),
        right(ViewOf(instruction.right, loader, registers)),
        condition(ViewOf(instruction.condition, loader, registers)),
        judged(judged),
        rows(rows),
        registers_(registers) {}

  const Instruction& instruction;
  const VectorView left, right, condition;  ///< of scalars: without data
  const uint8_t* const judged;              ///< 1 for the rows that count
  const int rows;

  /// The values of the result, to be filled in.
  template <typename T>
  T* Target() const {
    T* data = registers_->Data<T>(instruction.target);
    registers_->View(instruction.target).data = data;
    return data;
  }
  /// The validity of the result, to be filled in. Without: see NeverNull.
  uint8_t* TargetValid() const {
    uint8_t* valid = registers_->Valid(instruction.target);
    registers_->View(instruction.target).valid = valid;
    return valid;
  }
  void NeverNull() const { registers_->View(instruction.target).valid = nullptr; }
  bool IsNeverNull() const { return registers_->View(instruction.target).valid == nullptr; }
  /// Characters that the result's views point into.
  std::string& Text() const { return registers_->Text(instruction.text); }

  /// The result is null where either operand is.
  void CombineValidity() const {
    if (left.valid == nullptr && right.valid == nullptr) return NeverNull();
    if (left.valid != nullptr && right.valid != nullptr) {
      MapVectors(left.valid, right.valid, rows, TargetValid(),
                 [](uint8_t a, uint8_t b) -> uint8_t { return a & b; });
    } else {
      std::memcpy(TargetValid(), left.valid != nullptr ? left.valid : right.valid, rows);
    }
  }
  /// f(left), of values of the type In.
  template <typename Out, typename In, typename F>
  void MapLeft(F f) const {
    CombineValidity();
    Map(left.As<In>(), rows, Target<Out>(), f);
  }
  /// f(left, right), both of the type In.
  template <typename Out, typename In, typename F>
  void MapBoth(F f) const {
    CombineValidity();
    if (instruction.right.IsScalar()) {
      MapScalar(left.As<In>(), ScalarAs<In>(instruction.right), rows, Target<Out>(), f);
    } else {
      MapVectors(left.As<In>(), right.As<In>(), rows, Target<Out>(), f);
    }
  }

 private:
  static VectorView ViewOf(const Operand& operand, const ColumnLoader& loader,
                           Registers* registers) {
    if (operand.kind == Operand::Kind::kColumn) return loader.View(operand.index);
    if (operand.kind == Operand::Kind::kRegister) return registers->View(operand.index);
    return VectorView();
  }

  Registers* const registers_;
};

}  // namespace sluice::rules
