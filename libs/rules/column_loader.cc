#include "rules/column_loader.h"

#include <limits>

#include "arrow/array/data.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "rules/item_rule.h"
#include "rules/unique_items.h"

namespace sluice::rules {
namespace {

int FieldOf(int column) {
  return column == contract::kTimestampColumn ? static_cast<int>(batch::kTimestamp)
                                              : batch::kSystemColumns + column;
}

int64_t MillisToMicros(int64_t millis) {
  int64_t micros = 0;
  if (!__builtin_mul_overflow(millis, int64_t{1000}, &micros)) return micros;
  return millis < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

}  // namespace

Repr ReprOf(contract::ValueType type) {
  switch (type) {
    case contract::ValueType::kNumber:
      return Repr::kDouble;
    case contract::ValueType::kString:
      return Repr::kString;
    case contract::ValueType::kInteger:
    case contract::ValueType::kDate:
    case contract::ValueType::kTimestamp:
    case contract::ValueType::kTime:
    case contract::ValueType::kInterval:
    case contract::ValueType::kArray:  // its number of items
      return Repr::kInt64;
    case contract::ValueType::kNull:
    case contract::ValueType::kBoolean:
      break;
  }
  return Repr::kBool;
}

int ColumnLoader::Slot(int column, Facet facet) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].column == column && slots_[i].facet == facet) return static_cast<int>(i);
  }
  Column& slot = slots_.emplace_back();
  slot.column = column;
  slot.facet = facet;
  return static_cast<int>(slots_.size()) - 1;
}

int ColumnLoader::SlotOfItems(int column, const contract::Expression& condition) {
  Column& slot = slots_.emplace_back();
  slot.column = column;
  slot.facet = Facet::kEveryItem;
  slot.item_rule =
      std::make_shared<ItemRule>(contract_.columns[static_cast<size_t>(column)], condition);
  return static_cast<int>(slots_.size()) - 1;
}

void ColumnLoader::BindItems(const arrow::ArrayData& items) {
  for (Column& slot : slots_) slot.data = &items;
}

absl::Status ColumnLoader::Bind(const arrow::RecordBatch& batch) {
  const int fields = batch::kSystemColumns + static_cast<int>(contract_.columns.size());
  if (batch.num_columns() != fields) {
    return absl::InvalidArgumentError(
        Concat("the batch has ", batch.num_columns(), " columns, the contract asks for ", fields));
  }
  for (Column& slot : slots_) {
    const int field = FieldOf(slot.column);
    const bool is_timestamp = slot.column == contract::kTimestampColumn;
    const std::shared_ptr<arrow::DataType> wanted =
        is_timestamp ? arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")
                     : batch::ArrowType(contract_.columns[slot.column]);
    slot.data = batch.column_data(field).get();
    if (!slot.data->type->Equals(*wanted)) {
      return absl::InvalidArgumentError(Concat("column ", batch.column_name(field), " is ",
                                               slot.data->type->ToString(),
                                               ", the contract asks for ", wanted->ToString()));
    }
  }
  return absl::OkStatus();
}

void ColumnLoader::Load(int64_t begin, int rows) {
  for (Column& slot : slots_) {
    LoadValidity(&slot, begin, rows);
    LoadValues(&slot, begin, rows);
  }
}

void ColumnLoader::LoadValidity(Column* slot, int64_t begin, int rows) {
  slot->view.valid = nullptr;
  if (slot->data->GetNullCount() == 0 || slot->data->buffers[0] == nullptr) return;
  slot->valid.resize(kChunkRows);
  const uint8_t* bits = slot->data->buffers[0]->data();
  const int64_t first = slot->data->offset + begin;
  for (int i = 0; i < rows; ++i) slot->valid[i] = arrow::bit_util::GetBit(bits, first + i);
  slot->view.valid = slot->valid.data();
}

void ColumnLoader::LoadValues(Column* slot, int64_t begin, int rows) {
  const arrow::ArrayData& data = *slot->data;
  const int64_t first = data.offset + begin;
  switch (data.type->id()) {
    case arrow::Type::INT64:
    case arrow::Type::DOUBLE:
    case arrow::Type::TIME64:
      slot->view.data = data.GetValues<int64_t>(1) + begin;  // all 8 bytes wide; read in place
      break;
    case arrow::Type::TIMESTAMP: {
      const int64_t* values = data.GetValues<int64_t>(1) + begin;
      slot->view.data = values;
      if (slot->column == contract::kTimestampColumn) {
        slot->integers.resize(kChunkRows);
        for (int i = 0; i < rows; ++i) slot->integers[i] = MillisToMicros(values[i]);
        slot->view.data = slot->integers.data();
      }
      break;
    }
    case arrow::Type::DATE32: {
      const int32_t* values = data.GetValues<int32_t>(1) + begin;
      slot->integers.resize(kChunkRows);
      for (int i = 0; i < rows; ++i) slot->integers[i] = values[i];
      slot->view.data = slot->integers.data();
      break;
    }
    case arrow::Type::BOOL: {
      const uint8_t* bits = data.buffers[1]->data();
      slot->booleans.resize(kChunkRows);
      for (int i = 0; i < rows; ++i) slot->booleans[i] = arrow::bit_util::GetBit(bits, first + i);
      slot->view.data = slot->booleans.data();
      break;
    }
    case arrow::Type::LIST:
      LoadOfArrays(slot, begin, rows);
      break;
    default: {  // utf8; Bind lets nothing else pass
      const int32_t* offsets = data.GetValues<int32_t>(1) + begin;
      const char* chars =
          data.buffers[2] == nullptr ? "" : reinterpret_cast<const char*>(data.buffers[2]->data());
      slot->strings.resize(kChunkRows);
      for (int i = 0; i < rows; ++i) {
        slot->strings[i] =
            std::string_view(chars + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i]));
      }
      slot->view.data = slot->strings.data();
    }
  }
}

void ColumnLoader::LoadOfArrays(Column* slot, int64_t begin, int rows) {
  const int32_t* const ends = slot->data->GetValues<int32_t>(1) + begin;
  if (slot->facet == Facet::kCardinality) {
    slot->integers.resize(kChunkRows);
    for (int i = 0; i < rows; ++i) slot->integers[i] = ends[i + 1] - ends[i];
    slot->view.data = slot->integers.data();
    return;
  }
  slot->booleans.resize(kChunkRows);
  if (slot->facet == Facet::kEveryItem) {
    slot->item_rule->Check(*slot->data->child_data[0], ends, rows, slot->booleans.data());
    slot->view.data = slot->booleans.data();
    return;
  }
  for (int i = 0; i < rows; ++i) {
    const bool null = slot->view.valid != nullptr && slot->view.valid[i] == 0;
    slot->booleans[i] = !null && HasUniqueItems(*slot->data->child_data[0], ends[i], ends[i + 1]);
  }
  slot->view.data = slot->booleans.data();
}

}  // namespace sluice::rules
