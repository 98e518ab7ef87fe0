#include "sample/csv_rows.h"

#include <algorithm>

#include "base/status.h"

namespace sluice::sample {

absl::StatusOr<bool> CsvRows::Peek(char* c) {
  if (input_->available().empty()) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, input_->Fill());
    if (!more) return false;
  }
  *c = input_->available().front();
  return true;
}

void CsvRows::BeginCell() {
  if (count_++ >= kMaxCells) return;
  if (cells_.size() < count_) cells_.emplace_back();
  cells_[count_ - 1].text.clear();
  cells_[count_ - 1].quoted = false;
}

void CsvRows::Put(char c) {
  if (count_ <= kMaxCells && row_bytes_++ < kept_bytes_) cells_[count_ - 1].text.push_back(c);
}

absl::StatusOr<bool> CsvRows::Next() {
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool found, ReadRow());
    const bool empty = count_ == 1 && cells_[0].text.empty() && !cells_[0].quoted;
    if (!found || !empty) return found;
  }
}

absl::StatusOr<bool> CsvRows::ReadRow() {
  count_ = row_bytes_ = 0;
  row_line_ = line_;
  State state = State::kCellBegin;
  BeginCell();
  for (bool anything = false;; anything = true) {
    char c = 0;
    SLUICE_ASSIGN_OR_RETURN(const bool more, Peek(&c));
    if (!more) {
      if (state != State::kQuoted) return anything;
      return absl::InvalidArgumentError(
          Concat(path(), ":", row_line_, ": a quoted cell of this row is never closed"));
    }
    input_->Consume(1);
    if (c == '\n') ++line_;
    if (state == State::kQuoted) {
      if (c == '"') {
        state = State::kQuoteInQuoted;
      } else {
        Put(c);
      }
    } else if (c == '\n') {
      CsvCell& last = cells_[std::min(count_, kMaxCells) - 1];
      const bool carriage_return = state == State::kPlain && last.text.ends_with('\r');
      if (carriage_return) last.text.pop_back();
      return true;
    } else if (c == delimiter_) {
      BeginCell();
      state = State::kCellBegin;
    } else if (c == '"' && state == State::kCellBegin) {
      cells_[std::min(count_, kMaxCells) - 1].quoted = true;
      state = State::kQuoted;
    } else if (state == State::kQuoteInQuoted) {
      if (c == '\r') continue;
      if (c != '"') {
        return absl::InvalidArgumentError(Concat(
            path(), ":", line_, ": a quoted cell goes on behind its quotes; write \" as \"\""));
      }
      Put(c);
      state = State::kQuoted;
    } else {
      Put(c);
      state = State::kPlain;
    }
  }
}

}  // namespace sluice::sample
