#pragma once
// A rule over the items of an array, one by one.

#include <cstdint>
#include <vector>

#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "rules/column_loader.h"
#include "rules/program.h"

namespace sluice::rules {

/// Runs a condition over items as an evaluator does over rows. Belongs to one thread.
class ItemRule {
 public:
  /// `condition`: contract::Expression::item of a rule over `array`. It outlives this object.
  ItemRule(const contract::Column& array, const contract::Expression& condition);

  /// `kept[i]` = 1 when the condition is false of none of the items [ends[i], ends[i + 1]), else 0;
  /// i below `rows`.
  void Check(const arrow::ArrayData& items, const int32_t* ends, int rows, uint8_t* kept);

 private:
  contract::Contract contract_;  // of the item alone
  ColumnLoader loader_;
  Registers registers_;
  Program program_;
  // One per item of a chunk.
  std::vector<uint8_t> judged_;
  std::vector<uint8_t> broken_;
};

}  // namespace sluice::rules
