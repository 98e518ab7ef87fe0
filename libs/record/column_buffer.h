#pragma once
// The memory one column grows in while a batch is built. Kept from batch to batch; Finish copies
// exactly what is used.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "arrow/type_fwd.h"

namespace sluice::record {

/// A vector of plain values that never initialises what it is about to overwrite.
template <typename T>
class Growable {
 public:
  size_t size() const { return size_; }
  const T* data() const { return data_.get(); }

  void Append(T value) {
    if (size_ == capacity_) Grow(1);
    data_[size_++] = value;
  }
  void Append(const T* values, size_t count) {
    if (capacity_ - size_ < count) Grow(count);
    if (count != 0) std::memcpy(data_.get() + size_, values, count * sizeof(T));
    size_ += count;
  }
  /// Forget the values. Memory is given back when the last batch needed far less than an earlier
  /// one.
  void Clear() {
    if (capacity_ * sizeof(T) > kKeptBytes && size_ < capacity_ / 4) {
      data_.reset();
      capacity_ = 0;
    }
    size_ = 0;
  }

 private:
  static constexpr size_t kKeptBytes = size_t{1} << 20;

  void Grow(size_t more) {
    size_t capacity = capacity_ * 2 < 64 ? 64 : capacity_ * 2;
    if (capacity < size_ + more) capacity = size_ + more;
    auto data = std::make_unique_for_overwrite<T[]>(capacity);
    if (size_ != 0) std::memcpy(data.get(), data_.get(), size_ * sizeof(T));
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

/// One value of a record in its column's type. Strings and items are borrowed until the row is
/// appended.
struct Cell {
  bool null = true;
  uint32_t count = 0;  ///< of an array
  union {
    int64_t integer = 0;  ///< kInteger; kBoolean (0 or 1); kDate (days); kTimestamp (microseconds)
    double number;        ///< kNumber
    const Cell* items;    ///< `count` items of an array
  };
  std::string_view text;  ///< kString
};

/// One allocation, carved into the buffers of a finished batch; each begins at a multiple of 64
/// bytes.
class Carver {
 public:
  static constexpr int64_t Aligned(int64_t bytes) { return (bytes + 63) & ~int64_t{63}; }

  explicit Carver(int64_t bytes);
  /// `bytes` bytes, not initialised, and the buffer that keeps them alive.
  std::pair<uint8_t*, std::shared_ptr<arrow::Buffer>> Take(int64_t bytes);
  /// A validity bitmap of `rows` bits, all set or all clear.
  std::pair<uint8_t*, std::shared_ptr<arrow::Buffer>> TakeBitmap(int64_t rows, bool set);

 private:
  std::shared_ptr<arrow::Buffer> whole_;
  int64_t used_ = 0;
};

/// A column of fixed-width values, booleans, strings or lists of these, with nulls. Every row
/// appends once: a value or a null.
class ColumnBuffer {
 public:
  /// `type` decides the layout: int64, float64, date32, timestamp, time64, bool, utf8, binary or a
  /// list.
  explicit ColumnBuffer(std::shared_ptr<arrow::DataType> type);

  /// `row`: how many rows there are already. A double is stored by its bits, which is what
  /// `integer` shares with it.
  void Append(const Cell& cell, int64_t row) {
    if (cell.null) return AppendNull(row);
    switch (layout_) {
      case Layout::k64:
        return values64_.Append(cell.integer);
      case Layout::k32:
        return values32_.Append(static_cast<int32_t>(cell.integer));
      case Layout::kBoolean:
        return bytes_.Append(cell.integer != 0 ? 1 : 0);
      case Layout::kText:
        return AppendText(cell.text);
      case Layout::kList:
        return AppendItems(cell);
    }
  }
  void AppendInteger(int64_t value) { values64_.Append(value); }
  void AppendText(std::string_view value) {
    bytes_.Append(reinterpret_cast<const uint8_t*>(value.data()), value.size());
    values32_.Append(static_cast<int32_t>(bytes_.size()));
  }
  void AppendNull(int64_t row);

  /// Bytes a row takes apart from those of its string or of its items.
  int64_t fixed_width() const;
  /// Bytes the items of an array take.
  int64_t ItemBytes(const Cell& array) const;
  /// What Finish will take from the carver.
  int64_t FinishedBytes(int64_t rows) const;
  std::shared_ptr<arrow::ArrayData> Finish(int64_t rows, Carver* carver) const;
  void Clear();

 private:
  enum class Layout : uint8_t { k64, k32, kBoolean, kText, kList };

  void AppendItems(const Cell& array);

  std::shared_ptr<arrow::DataType> type_;
  Layout layout_;
  Growable<int64_t> values64_;  // k64; doubles by their bits
  Growable<int32_t> values32_;  // k32; kText, kList: where each row ends
  Growable<uint8_t> bytes_;     // kBoolean: one a row; kText: the strings
  Growable<int32_t> null_rows_;
  std::unique_ptr<ColumnBuffer> items_;  // kList
  int64_t item_count_ = 0;
};

}  // namespace sluice::record
