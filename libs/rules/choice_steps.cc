#include <algorithm>
#include <cstring>

#include "rules/steps.h"

namespace sluice::rules::steps {
namespace {

/// The left operand in the rows where `takes_left(row)` is true, the right one in the others.
template <typename T, typename F>
void Choose(const Step& step, F takes_left) {
  const int rows = step.rows;
  T* out = step.Target<T>();
  const T* a = step.left.As<T>();
  const T* b = step.right.As<T>();
  for (int i = 0; i < rows; ++i) out[i] = takes_left(i) ? a[i] : b[i];
  const uint8_t* a_valid = step.left.valid;
  const uint8_t* b_valid = step.right.valid;
  if (a_valid == nullptr && b_valid == nullptr) return step.NeverNull();
  uint8_t* valid = step.TargetValid();
  for (int i = 0; i < rows; ++i)
    valid[i] = takes_left(i) ? IsValid(a_valid, i) : IsValid(b_valid, i);
}

template <typename T>
void Fill(const Step& step) {
  const Operand& value = step.instruction.left;
  if (value.IsScalar()) {
    std::fill_n(step.Target<T>(), step.rows, ScalarAs<T>(value));
  } else {
    std::copy_n(step.left.As<T>(), step.rows, step.Target<T>());
  }
}

}  // namespace

void Select(const Step& step) {
  const uint8_t* condition = step.condition.As<uint8_t>();
  const uint8_t* valid = step.condition.valid;
  const auto is_true = [=](int i) { return (IsValid(valid, i) & condition[i]) != 0; };
  WithTypeOf(step.instruction.left.repr, [&]<typename T>() { Choose<T>(step, is_true); });
}

void Coalesce(const Step& step) {
  const uint8_t* valid = step.left.valid;
  const auto is_valid = [=](int i) { return IsValid(valid, i) != 0; };
  WithTypeOf(step.instruction.left.repr, [&]<typename T>() { Choose<T>(step, is_valid); });
}

/// A scalar, or another vector, into the target.
void Broadcast(const Step& step) {
  step.CombineValidity();
  const Operand& value = step.instruction.left;
  WithTypeOf(value.repr, [&]<typename T>() { Fill<T>(step); });
  if (value.IsScalar() && value.null) std::memset(step.TargetValid(), 0, step.rows);
}

}  // namespace sluice::rules::steps
