#include "rules/item_rule.h"

#include <algorithm>

#include "contract/expression_parser.h"

namespace sluice::rules {
namespace {

contract::Contract ContractOfItem(const contract::Column& array) {
  contract::Contract contract;
  contract.columns.push_back(contract::ItemColumn(array));
  return contract;
}

}  // namespace

ItemRule::ItemRule(const contract::Column& array, const contract::Expression& condition)
    : contract_(ContractOfItem(array)),
      loader_(contract_),
      program_(condition, &loader_, &registers_),
      judged_(kChunkRows, 1),
      broken_(kChunkRows) {}

void ItemRule::Check(const arrow::ArrayData& items, const int32_t* ends, int rows, uint8_t* kept) {
  std::fill_n(kept, rows, uint8_t{1});
  loader_.BindItems(items);
  int row = 0;
  for (int64_t begin = ends[0]; begin < ends[rows]; begin += kChunkRows) {
    const auto count = static_cast<int>(std::min<int64_t>(kChunkRows, ends[rows] - begin));
    loader_.Load(begin, count);
    if (program_.Run(loader_, &registers_, judged_.data(), count, broken_.data()) == 0) continue;
    for (int i = 0; i < count; ++i) {
      if (broken_[i] == 0) continue;
      while (ends[row + 1] <= begin + i) ++row;
      kept[row] = 0;
    }
  }
}

}  // namespace sluice::rules
