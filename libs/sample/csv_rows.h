#pragma once
// CSV as in RFC 4180, row by row. One thread.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sample/input.h"

namespace sluice::sample {

struct CsvCell {
  std::string text;
  bool quoted = false;
};

class CsvRows {
 public:
  /// `kept_bytes`: of a longer row the rest is read over.
  CsvRows(std::unique_ptr<Input> input, char delimiter, size_t kept_bytes)
      : input_(std::move(input)), delimiter_(delimiter), kept_bytes_(kept_bytes) {}

  /// The next row that is not empty, false at the end. Its cells are cells()[0, count()).
  /// kInvalidArgument: a quoted cell is not closed, or goes on behind its quotes.
  absl::StatusOr<bool> Next();

  const std::vector<CsvCell>& cells() const { return cells_; }
  /// Of the row; cells beyond kMaxCells are counted only.
  size_t count() const { return count_; }
  int64_t line() const { return row_line_; }
  const std::string& path() const { return input_->path(); }

  static constexpr size_t kMaxCells = 4096;

 private:
  enum class State { kCellBegin, kPlain, kQuoted, kQuoteInQuoted };

  absl::StatusOr<bool> Peek(char* c);
  void BeginCell();
  void Put(char c);
  absl::StatusOr<bool> ReadRow();

  std::unique_ptr<Input> input_;
  const char delimiter_;
  const size_t kept_bytes_;
  std::vector<CsvCell> cells_;  // kept from row to row, with their memory
  size_t count_ = 0;
  size_t row_bytes_ = 0;
  int64_t line_ = 1;
  int64_t row_line_ = 1;
};

}  // namespace sluice::sample
