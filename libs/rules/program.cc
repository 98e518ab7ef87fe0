#include "rules/program.h"

#include "rules/steps.h"

namespace sluice::rules {

int Program::Run(const ColumnLoader& loader, Registers* registers, const uint8_t* judged, int rows,
                 uint8_t* broken) const {
  for (const Instruction& instruction : instructions_)
    steps::Run(Step(instruction, loader, registers, judged, rows));
  if (result_.IsScalar()) {
    const uint8_t is_false = !result_.null && result_.boolean == 0;
    for (int i = 0; i < rows; ++i) broken[i] = judged[i] & is_false;
  } else {
    const VectorView& view = result_.kind == Operand::Kind::kColumn
                                 ? loader.View(result_.index)
                                 : registers->View(result_.index);
    const uint8_t* value = view.As<uint8_t>();
    if (view.valid == nullptr) {
      for (int i = 0; i < rows; ++i) broken[i] = judged[i] & (value[i] ^ 1);
    } else {
      for (int i = 0; i < rows; ++i) broken[i] = judged[i] & view.valid[i] & (value[i] ^ 1);
    }
  }
  int count = 0;
  for (int i = 0; i < rows; ++i) count += broken[i];
  return count;
}

}  // namespace sluice::rules
