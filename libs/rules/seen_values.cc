#include "rules/seen_values.h"

#include <bit>
#include <string_view>

#include "contract/expression_parser.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::rules {
namespace {

absl::uint128 Hash(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return absl::MakeUint128(hash.high64, hash.low64);
}

bool HasValue(const VectorView& view, int row) { return view.valid == nullptr || view.valid[row]; }

}  // namespace

ValueKeys::ValueKeys(const std::vector<int>& columns, const contract::Contract& contract,
                     ColumnLoader* loader) {
  for (const int column : columns) {
    columns_.push_back(
        {loader->Slot(column, Facet::kValue),
         ReprOf(contract::ValueTypeOf(contract.columns[static_cast<size_t>(column)]))});
  }
}

void ValueKeys::Make(const ColumnLoader& loader, const uint8_t* wanted, int rows,
                     absl::uint128* keys, uint8_t* has) {
  for (int row = 0; row < rows; ++row) has[row] = wanted[row];
  for (const Column& column : columns_) {
    const VectorView& view = loader.View(column.slot);
    for (int row = 0; row < rows; ++row) has[row] &= static_cast<uint8_t>(HasValue(view, row));
  }
  const bool alone = columns_.size() == 1;
  const VectorView& first = loader.View(columns_[0].slot);
  for (int row = 0; row < rows; ++row) {
    if (has[row] != 0)
      keys[row] = alone ? KeyOf(first, columns_[0].repr, row) : KeyOfAll(loader, row);
  }
}

absl::uint128 ValueKeys::KeyOf(const VectorView& view, Repr repr, int row) const {
  switch (repr) {
    case Repr::kString:
      return Hash(view.As<std::string_view>()[row]);
    case Repr::kBool:
      return view.As<uint8_t>()[row];
    case Repr::kInt64:
      return static_cast<uint64_t>(view.As<int64_t>()[row]);
    case Repr::kDouble:
      break;
  }
  const double value = view.As<double>()[row];
  return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);  // -0.0 is 0.0
}

absl::uint128 ValueKeys::KeyOfAll(const ColumnLoader& loader, int row) {
  bytes_.clear();
  for (const Column& column : columns_) {
    const absl::uint128 key = KeyOf(loader.View(column.slot), column.repr, row);
    bytes_.append(reinterpret_cast<const char*>(&key), sizeof(key));
  }
  return Hash(bytes_);
}

bool SeenValues::Repeats(absl::uint128 key, int64_t limit) {
  if (static_cast<int64_t>(values_.size()) < limit) return !values_.insert(key).second;
  if (values_.contains(key)) return true;
  saturated_ = true;
  return false;
}

}  // namespace sluice::rules
