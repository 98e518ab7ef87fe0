#include "rules/unique_items.h"

#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "arrow/array/data.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"

namespace sluice::rules {
namespace {

// So few are compared one by one, which is cheaper than hashing.
constexpr int64_t kFew = 16;

/// `at(i)`: item i.
template <typename At>
bool AreUnique(const arrow::ArrayData& items, int64_t begin, int64_t end, At at) {
  const uint8_t* const valid = items.buffers[0] == nullptr ? nullptr : items.buffers[0]->data();
  const auto is_null = [&](int64_t i) {
    return valid != nullptr && !arrow::bit_util::GetBit(valid, items.offset + i);
  };
  const bool few = end - begin <= kFew;
  absl::flat_hash_set<decltype(at(begin))> seen;
  if (!few) seen.reserve(static_cast<size_t>(end - begin));
  bool null_seen = false;
  for (int64_t i = begin; i < end; ++i) {
    if (is_null(i)) {
      if (null_seen) return false;
      null_seen = true;
    } else if (at(i) != at(i)) {
      continue;  // NaN: no set takes what is not equal to itself
    } else if (few) {
      for (int64_t j = begin; j < i; ++j) {
        if (!is_null(j) && at(j) == at(i)) return false;
      }
    } else if (!seen.insert(at(i)).second) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool HasUniqueItems(const arrow::ArrayData& items, int64_t begin, int64_t end) {
  switch (items.type->id()) {
    case arrow::Type::STRING: {
      const auto* const ends = items.GetValues<int32_t>(1);
      const char* const text = items.buffers[2] == nullptr
                                   ? ""
                                   : reinterpret_cast<const char*>(items.buffers[2]->data());
      return AreUnique(items, begin, end, [&](int64_t i) {
        return std::string_view(text + ends[i], static_cast<size_t>(ends[i + 1] - ends[i]));
      });
    }
    case arrow::Type::DOUBLE: {
      const auto* const values = items.GetValues<double>(1);
      return AreUnique(items, begin, end, [&](int64_t i) { return values[i]; });
    }
    case arrow::Type::BOOL:
      return AreUnique(items, begin, end, [&](int64_t i) {
        return arrow::bit_util::GetBit(items.buffers[1]->data(), items.offset + i);
      });
    case arrow::Type::DATE32: {
      const auto* const values = items.GetValues<int32_t>(1);
      return AreUnique(items, begin, end, [&](int64_t i) { return values[i]; });
    }
    default: {  // all others are eight bytes wide
      const auto* const values = items.GetValues<int64_t>(1);
      return AreUnique(items, begin, end, [&](int64_t i) { return values[i]; });
    }
  }
}

}  // namespace sluice::rules
