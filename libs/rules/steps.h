#pragma once
// What runs each instruction. Every one is total: whatever the values, it has a result, and nothing
// traps; so it does no harm to compute what nobody looks at.

#include "rules/step.h"

namespace sluice::rules::steps {

/// The instruction's, whichever it is.
void Run(const Step& step);

// comparison_steps.cc
void Equal(const Step& step);
void NotEqual(const Step& step);
void Less(const Step& step);
void LessEqual(const Step& step);
void Greater(const Step& step);
void GreaterEqual(const Step& step);
void In(const Step& step);

// arithmetic_steps.cc
void Add(const Step& step);
void Subtract(const Step& step);
void Multiply(const Step& step);
void Divide(const Step& step);
void Modulo(const Step& step);
void Negate(const Step& step);
void Abs(const Step& step);
void MultipleOf(const Step& step);
void ToDouble(const Step& step);

// logic_steps.cc
void And(const Step& step);
void Or(const Step& step);
void Not(const Step& step);
void IsNull(const Step& step);
void IsNotNull(const Step& step);

// choice_steps.cc
void Select(const Step& step);
void Coalesce(const Step& step);
void Broadcast(const Step& step);

// text_steps.cc
void Matches(const Step& step);
void FitsAffix(const Step& step);
void Length(const Step& step);
void Lower(const Step& step);
void Upper(const Step& step);
void Trim(const Step& step);

// time_steps.cc
void DaysToMicros(const Step& step);
void MicrosToDays(const Step& step);
void MicrosInDay(const Step& step);
void MicrosToSeconds(const Step& step);
void Part(const Step& step);

}  // namespace sluice::rules::steps
