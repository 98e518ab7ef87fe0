#pragma once
// A rule's condition as a straight list of instructions over registers.

#include <cstdint>
#include <vector>

#include "contract/contract.h"
#include "rules/column_loader.h"
#include "rules/instruction.h"
#include "rules/registers.h"

namespace sluice::rules {

/// One compiled condition. The contract outlives it.
class Program {
 public:
  /// Compile `condition`; its columns are announced to `loader`, its registers reserved in
  /// `registers`.
  Program(const contract::Expression& condition, ColumnLoader* loader, Registers* registers);

  /// For each of the loaded `rows` whose `judged` is 1: `broken` = 1 when the condition is false, 0
  /// when it is true or null; 0 for the other rows. Returns how many are broken.
  int Run(const ColumnLoader& loader, Registers* registers, const uint8_t* judged, int rows,
          uint8_t* broken) const;

 private:
  class Compiler;
  std::vector<Instruction> instructions_;
  Operand result_;
};

}  // namespace sluice::rules
