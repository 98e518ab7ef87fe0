#pragma once
// Rows for people or for programs.

#include <string>
#include <vector>

#include "sluicectl/command.h"
#include "sluicectl/json.h"

namespace sluice::sluicectl {

/// Columns are named as in JSON (snake_case); the printed header is the same in capitals.
class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  /// One cell per column.
  void AddRow(std::vector<Json> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  /// Aligned, numbers to the right, with a header.
  std::string ToText() const;
  /// An array of objects.
  Json ToJson() const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<Json>> rows_;
};

/// To stdout, with a line end.
void Print(const Table& table, Format format);
void PrintLine(const std::string& line);

}  // namespace sluice::sluicectl
