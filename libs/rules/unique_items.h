#pragma once
// Whether no item of an array stands twice in it.

#include <cstdint>

#include "arrow/type_fwd.h"

namespace sluice::rules {

/// Of `items` those from `begin` to before `end`. Two nulls are the same item, and so are 0.0 and
/// -0.0; NaN is no other's like. Time and memory are linear in their number.
bool HasUniqueItems(const arrow::ArrayData& items, int64_t begin, int64_t end);

}  // namespace sluice::rules
