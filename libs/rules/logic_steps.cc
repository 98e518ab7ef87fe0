#include <cstring>

#include "rules/steps.h"

namespace sluice::rules::steps {
namespace {

template <typename F>
void Logical(const Step& step, F f) {
  const int rows = step.rows;
  uint8_t* out = step.Target<uint8_t>();
  uint8_t* valid = step.TargetValid();
  const uint8_t* a = step.left.As<uint8_t>();
  const uint8_t* a_valid = step.left.valid;
  const uint8_t* b = step.right.As<uint8_t>();
  const uint8_t* b_valid = step.right.valid;
  for (int i = 0; i < rows; ++i)
    out[i] = f(a[i], IsValid(a_valid, i), b[i], IsValid(b_valid, i), &valid[i]);
}

void NullTest(const Step& step, uint8_t when_valid) {
  const int rows = step.rows;
  const uint8_t* valid = step.left.valid;
  uint8_t* out = step.Target<uint8_t>();
  step.NeverNull();
  if (valid == nullptr) {
    std::memset(out, when_valid, rows);
  } else {
    for (int i = 0; i < rows; ++i) out[i] = valid[i] == when_valid;
  }
}

}  // namespace

/// False beats null, null beats true.
void And(const Step& step) {
  if (step.left.valid == nullptr && step.right.valid == nullptr) {
    return step.MapBoth<uint8_t, uint8_t>([](uint8_t a, uint8_t b) -> uint8_t { return a & b; });
  }
  Logical(step,
          [](uint8_t a, uint8_t a_valid, uint8_t b, uint8_t b_valid, uint8_t* valid) -> uint8_t {
            const uint8_t is_false = (a_valid & (a ^ 1)) | (b_valid & (b ^ 1));
            const uint8_t is_true = a_valid & a & b_valid & b;
            *valid = is_false | is_true;
            return is_true;
          });
}

/// True beats null, null beats false.
void Or(const Step& step) {
  if (step.left.valid == nullptr && step.right.valid == nullptr) {
    return step.MapBoth<uint8_t, uint8_t>([](uint8_t a, uint8_t b) -> uint8_t { return a | b; });
  }
  Logical(step,
          [](uint8_t a, uint8_t a_valid, uint8_t b, uint8_t b_valid, uint8_t* valid) -> uint8_t {
            const uint8_t is_true = (a_valid & a) | (b_valid & b);
            const uint8_t is_false = a_valid & (a ^ 1) & b_valid & (b ^ 1);
            *valid = is_true | is_false;
            return is_true;
          });
}

void Not(const Step& step) {
  step.MapLeft<uint8_t, uint8_t>([](uint8_t v) -> uint8_t { return v ^ 1; });
}

void IsNull(const Step& step) { NullTest(step, 0); }
void IsNotNull(const Step& step) { NullTest(step, 1); }

}  // namespace sluice::rules::steps
