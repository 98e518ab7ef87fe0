#pragma once
// Brings the columns that rules look at into VectorViews, one chunk of rows at a time.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "rules/vector_view.h"

namespace sluice::rules {

/// What of a column is loaded: of an array facts about its items, of all others the value.
enum class Facet : uint8_t { kValue, kCardinality, kUniqueItems, kEveryItem };

class ItemRule;

/// How values of a type are held.
Repr ReprOf(contract::ValueType type);

/// Owned by an evaluator. The views of a chunk are valid until the next chunk, and while the batch
/// lives.
class ColumnLoader {
 public:
  explicit ColumnLoader(const contract::Contract& contract) : contract_(contract) {}

  /// The number under which a column (an index into the contract's, or kTimestampColumn) is loaded
  /// from now on.
  int Slot(int column, Facet facet);
  /// The same of an array and whether all its items keep `condition` (contract::Expression::item),
  /// which outlives the loader.
  int SlotOfItems(int column, const contract::Expression& condition);

  /// Begin a batch. kInvalidArgument when a column is missing or has another type than the contract
  /// says.
  absl::Status Bind(const arrow::RecordBatch& batch);
  /// The same where the only column's values are `items`, of its type.
  void BindItems(const arrow::ArrayData& items);
  /// Load rows [begin, begin + rows), rows <= kChunkRows.
  void Load(int64_t begin, int rows);

  const VectorView& View(int slot) const { return slots_[slot].view; }

 private:
  struct Column {
    int column = 0;
    Facet facet = Facet::kValue;
    std::shared_ptr<ItemRule> item_rule;  // kEveryItem
    const arrow::ArrayData* data = nullptr;
    std::vector<uint8_t> valid;
    std::vector<int64_t> integers;  // dates, milliseconds made microseconds, numbers of items
    std::vector<uint8_t> booleans;
    std::vector<std::string_view> strings;
    VectorView view;
  };
  void LoadValidity(Column* column, int64_t begin, int rows);
  void LoadValues(Column* column, int64_t begin, int rows);
  void LoadOfArrays(Column* column, int64_t begin, int rows);

  const contract::Contract& contract_;
  std::vector<Column> slots_;
};

}  // namespace sluice::rules
