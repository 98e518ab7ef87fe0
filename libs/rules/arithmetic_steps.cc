#include <cmath>
#include <cstring>
#include <functional>

#include "rules/arithmetic.h"
#include "rules/steps.h"

namespace sluice::rules::steps {
namespace {

template <typename Integers, typename Doubles>
void OfBoth(const Step& step, Integers integers, Doubles doubles) {
  if (step.instruction.left.repr == Repr::kDouble) return step.MapBoth<double, double>(doubles);
  step.MapBoth<int64_t, int64_t>(integers);
}

template <typename Integers, typename Doubles>
void OfLeft(const Step& step, Integers integers, Doubles doubles) {
  if (step.instruction.left.repr == Repr::kDouble) return step.MapLeft<double, double>(doubles);
  step.MapLeft<int64_t, int64_t>(integers);
}

/// Division by zero gives null. T is the type of the divisor.
template <typename T>
void NullWhereZero(const Step& step) {
  const bool all_valid = step.IsNeverNull();
  const int rows = step.rows;
  uint8_t* valid = step.TargetValid();
  if (all_valid) std::memset(valid, 1, rows);
  if (step.instruction.right.IsScalar()) {
    if (ScalarAs<T>(step.instruction.right) == 0) std::memset(valid, 0, rows);
    return;
  }
  const T* divisor = step.right.As<T>();
  for (int i = 0; i < rows; ++i) valid[i] &= divisor[i] != 0;
}

}  // namespace

void Add(const Step& step) { OfBoth(step, SaturatingAdd, std::plus<double>()); }
void Subtract(const Step& step) { OfBoth(step, SaturatingSubtract, std::minus<double>()); }
void Multiply(const Step& step) { OfBoth(step, SaturatingMultiply, std::multiplies<double>()); }

void Divide(const Step& step) {
  step.MapBoth<double, double>(std::divides<double>());
  NullWhereZero<double>(step);
}

void Modulo(const Step& step) {
  if (step.instruction.left.repr == Repr::kDouble) {
    step.MapBoth<double, double>([](double a, double b) { return rules::Modulo(a, b); });
    return NullWhereZero<double>(step);
  }
  step.MapBoth<int64_t, int64_t>([](int64_t a, int64_t b) { return rules::Modulo(a, b); });
  NullWhereZero<int64_t>(step);
}

void Negate(const Step& step) { OfLeft(step, SaturatingNegate, std::negate<double>()); }

void Abs(const Step& step) {
  OfLeft(step, SaturatingAbs, [](double v) { return std::fabs(v); });
}

void MultipleOf(const Step& step) {
  if (step.instruction.left.repr == Repr::kDouble) {
    return step.MapBoth<uint8_t, double>([](double a, double b) { return IsMultiple(a, b); });
  }
  step.MapBoth<uint8_t, int64_t>([](int64_t a, int64_t b) { return IsMultiple(a, b); });
}

void ToDouble(const Step& step) {
  step.MapLeft<double, int64_t>([](int64_t v) { return static_cast<double>(v); });
}

}  // namespace sluice::rules::steps
