#include "rules/steps.h"

namespace sluice::rules::steps {

void Run(const Step& step) {
  switch (step.instruction.code) {
    case Code::kEqual:
      return Equal(step);
    case Code::kNotEqual:
      return NotEqual(step);
    case Code::kLess:
      return Less(step);
    case Code::kLessEqual:
      return LessEqual(step);
    case Code::kGreater:
      return Greater(step);
    case Code::kGreaterEqual:
      return GreaterEqual(step);
    case Code::kAdd:
      return Add(step);
    case Code::kSubtract:
      return Subtract(step);
    case Code::kMultiply:
      return Multiply(step);
    case Code::kDivide:
      return Divide(step);
    case Code::kModulo:
      return Modulo(step);
    case Code::kNegate:
      return Negate(step);
    case Code::kAbs:
      return Abs(step);
    case Code::kMultipleOf:
      return MultipleOf(step);
    case Code::kAnd:
      return And(step);
    case Code::kOr:
      return Or(step);
    case Code::kNot:
      return Not(step);
    case Code::kIsNull:
      return IsNull(step);
    case Code::kIsNotNull:
      return IsNotNull(step);
    case Code::kIn:
      return In(step);
    case Code::kMatches:
      return Matches(step);
    case Code::kAffix:
      return FitsAffix(step);
    case Code::kSelect:
      return Select(step);
    case Code::kCoalesce:
      return Coalesce(step);
    case Code::kLength:
      return Length(step);
    case Code::kLower:
      return Lower(step);
    case Code::kUpper:
      return Upper(step);
    case Code::kTrim:
      return Trim(step);
    case Code::kToDouble:
      return ToDouble(step);
    case Code::kDaysToMicros:
      return DaysToMicros(step);
    case Code::kMicrosToDays:
      return MicrosToDays(step);
    case Code::kMicrosInDay:
      return MicrosInDay(step);
    case Code::kMicrosToSeconds:
      return MicrosToSeconds(step);
    case Code::kPart:
      return Part(step);
    case Code::kBroadcast:
      return Broadcast(step);
  }
}

}  // namespace sluice::rules::steps
