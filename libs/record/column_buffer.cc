#include "record/column_buffer.h"

#include "arrow/array/data.h"
#include "arrow/buffer.h"
#include "arrow/result.h"
#include "arrow/type.h"

namespace sluice::record {
namespace {

constexpr int64_t BitmapBytes(int64_t rows) { return (rows + 7) / 8; }

}  // namespace

Carver::Carver(int64_t bytes) : whole_(arrow::AllocateBuffer(bytes).ValueOrDie()) {}

std::pair<uint8_t*, std::shared_ptr<arrow::Buffer>> Carver::Take(int64_t bytes) {
  uint8_t* const start = whole_->mutable_data() + used_;
  auto slice = arrow::SliceBuffer(whole_, used_, bytes);
  used_ += Aligned(bytes);
  return {start, std::move(slice)};
}

std::pair<uint8_t*, std::shared_ptr<arrow::Buffer>> Carver::TakeBitmap(int64_t rows, bool set) {
  auto taken = Take(BitmapBytes(rows));
  if (rows == 0) return taken;
  std::memset(taken.first, set ? 0xFF : 0, BitmapBytes(rows));
  // Bits beyond the last row stay clear, so that equal batches are equal bytes.
  if (set && rows % 8 != 0) taken.first[rows / 8] = static_cast<uint8_t>((1 << (rows % 8)) - 1);
  return taken;
}

ColumnBuffer::ColumnBuffer(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {
  switch (type_->id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      layout_ = Layout::kText;
      break;
    case arrow::Type::BOOL:
      layout_ = Layout::kBoolean;
      break;
    case arrow::Type::DATE32:
      layout_ = Layout::k32;
      break;
    case arrow::Type::LIST:
      layout_ = Layout::kList;
      items_ = std::make_unique<ColumnBuffer>(type_->field(0)->type());
      break;
    default:
      layout_ = Layout::k64;
  }
}

void ColumnBuffer::AppendNull(int64_t row) {
  null_rows_.Append(static_cast<int32_t>(row));
  switch (layout_) {
    case Layout::k64:
      values64_.Append(0);
      break;
    case Layout::k32:
      values32_.Append(0);
      break;
    case Layout::kBoolean:
      bytes_.Append(0);
      break;
    case Layout::kText:
      values32_.Append(static_cast<int32_t>(bytes_.size()));
      break;
    case Layout::kList:
      values32_.Append(static_cast<int32_t>(item_count_));
      break;
  }
}

void ColumnBuffer::AppendItems(const Cell& array) {
  for (uint32_t i = 0; i < array.count; ++i) items_->Append(array.items[i], item_count_++);
  values32_.Append(static_cast<int32_t>(item_count_));
}

int64_t ColumnBuffer::ItemBytes(const Cell& array) const {
  int64_t bytes = array.count * items_->fixed_width();
  for (uint32_t i = 0; i < array.count; ++i) {
    if (!array.items[i].null) bytes += static_cast<int64_t>(array.items[i].text.size());
  }
  return bytes;
}

int64_t ColumnBuffer::fixed_width() const {
  return layout_ == Layout::k64 ? 8 : layout_ == Layout::kBoolean ? 1 : 4;
}

int64_t ColumnBuffer::FinishedBytes(int64_t rows) const {
  const int64_t validity = null_rows_.size() == 0 ? 0 : Carver::Aligned(BitmapBytes(rows));
  switch (layout_) {
    case Layout::k64:
      return validity + Carver::Aligned(rows * 8);
    case Layout::k32:
      return validity + Carver::Aligned(rows * 4);
    case Layout::kBoolean:
      return validity + Carver::Aligned(BitmapBytes(rows));
    case Layout::kList:
      return validity + Carver::Aligned((rows + 1) * 4) + items_->FinishedBytes(item_count_);
    case Layout::kText:
      break;
  }
  return validity + Carver::Aligned((rows + 1) * 4) + Carver::Aligned(bytes_.size());
}

std::shared_ptr<arrow::ArrayData> ColumnBuffer::Finish(int64_t rows, Carver* carver) const {
  std::shared_ptr<arrow::Buffer> validity;
  if (null_rows_.size() != 0) {
    uint8_t* bits;
    std::tie(bits, validity) = carver->TakeBitmap(rows, /*set=*/true);
    for (size_t i = 0; i < null_rows_.size(); ++i) {
      const int32_t row = null_rows_.data()[i];
      bits[row / 8] &= static_cast<uint8_t>(~(1 << (row % 8)));
    }
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {std::move(validity)};
  const auto copy = [&](const void* from, int64_t bytes) {
    auto [to, buffer] = carver->Take(bytes);
    if (bytes != 0) std::memcpy(to, from, bytes);
    buffers.push_back(std::move(buffer));
  };
  switch (layout_) {
    case Layout::k64:
      copy(values64_.data(), rows * 8);
      break;
    case Layout::k32:
      copy(values32_.data(), rows * 4);
      break;
    case Layout::kBoolean: {
      auto [bits, buffer] = carver->TakeBitmap(rows, /*set=*/false);
      for (int64_t row = 0; row < rows; ++row) {
        bits[row / 8] |= static_cast<uint8_t>(bytes_.data()[row] << (row % 8));
      }
      buffers.push_back(std::move(buffer));
      break;
    }
    case Layout::kText:
    case Layout::kList: {
      auto [offsets, buffer] = carver->Take((rows + 1) * 4);
      std::memset(offsets, 0, 4);
      if (rows != 0) std::memcpy(offsets + 4, values32_.data(), rows * 4);
      buffers.push_back(std::move(buffer));
      if (layout_ == Layout::kText) copy(bytes_.data(), bytes_.size());
      break;
    }
  }
  if (layout_ == Layout::kList) {
    return arrow::ArrayData::Make(type_, rows, std::move(buffers),
                                  {items_->Finish(item_count_, carver)}, null_rows_.size());
  }
  return arrow::ArrayData::Make(type_, rows, std::move(buffers), null_rows_.size());
}

void ColumnBuffer::Clear() {
  values64_.Clear();
  values32_.Clear();
  bytes_.Clear();
  null_rows_.Clear();
  if (items_ != nullptr) items_->Clear();
  item_count_ = 0;
}

}  // namespace sluice::record
