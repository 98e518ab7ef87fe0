#pragma once
// Bytes of PostgreSQL's binary COPY format: a header, rows of length-prefixed fields in network
// byte order, a trailer.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace sluice::storage_writer {

inline constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
inline constexpr std::string_view kCopyTrailer("\377\377", 2);

/// 2000-01-01 in microseconds and in days since 1970-01-01: where PostgreSQL counts from.
inline constexpr int64_t kPostgresEpochMicros = 946'684'800'000'000;
inline constexpr int32_t kPostgresEpochDays = 10'957;

inline char* PutInt16(char* to, uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutInt32(char* to, uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutInt64(char* to, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutNull(char* to) { return PutInt32(to, 0xffffffff); }

/// A growing buffer that is written through a raw pointer: no zero-fill, one capacity check a row.
class CopyBuffer {
 public:
  std::string_view view() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

  /// Where to write at most `bytes`; end it with Advance.
  char* Reserve(size_t bytes) {
    if (size_ + bytes > capacity_) Grow(size_ + bytes);
    return data_.get() + size_;
  }
  void Advance(const char* end) { size_ = static_cast<size_t>(end - data_.get()); }
  /// In the middle of a write: keeps what lies before `at` and makes room for `bytes` more there.
  char* Extend(char* at, size_t bytes) {
    Advance(at);
    return Reserve(bytes);
  }

  /// What was written at `position`, to be written again.
  char* At(size_t position) { return data_.get() + position; }

  void AppendBytes(std::string_view bytes) {
    char* at = Reserve(bytes.size());
    std::memcpy(at, bytes.data(), bytes.size());
    Advance(at + bytes.size());
  }
  /// The number of fields that begins a row.
  void AppendRow(uint16_t fields) { Advance(PutInt16(Reserve(2), fields)); }
  void AppendNull() { Advance(PutNull(Reserve(4))); }
  void AppendField(std::string_view bytes) {
    Advance(PutInt32(Reserve(4), static_cast<uint32_t>(bytes.size())));
    AppendBytes(bytes);
  }
  void AppendInt32(int32_t value) {
    Advance(PutInt32(PutInt32(Reserve(8), 4), static_cast<uint32_t>(value)));
  }
  void AppendInt64(int64_t value) {
    Advance(PutInt64(PutInt32(Reserve(12), 8), static_cast<uint64_t>(value)));
  }

 private:
  void Grow(size_t needed) {
    size_t capacity = capacity_ < 1024 ? 1024 : capacity_;
    while (capacity < needed) capacity *= 2;
    std::unique_ptr<char[]> data(new char[capacity]);
    if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace sluice::storage_writer
