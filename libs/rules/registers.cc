#include "rules/registers.h"

#include <string_view>

namespace sluice::rules {

void Registers::Reserve(int count, int texts) {
  if (static_cast<int>(texts_.size()) < texts) texts_.resize(texts);
  while (static_cast<int>(registers_.size()) < count) {
    Register& added = registers_.emplace_back();
    added.data.resize(kChunkRows * sizeof(std::string_view) / sizeof(int64_t));
    added.valid.resize(kChunkRows);
  }
}

}  // namespace sluice::rules
