#include "sluicectl/table.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"

namespace sluice::sluicectl {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no room.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Header(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return absl::AsciiStrToUpper(name);
}

}  // namespace

std::string Table::ToText() const {
  std::vector<std::vector<std::string>> cells(1);
  for (const std::string& column : columns_) cells[0].push_back(Header(column));
  std::vector<bool> right(columns_.size(), !rows_.empty());
  for (const auto& row : rows_) {
    auto& texts = cells.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      texts.push_back(row[i].Text());
      right[i] = right[i] && (row[i].is_number() || texts.back() == "-");
    }
  }
  std::vector<size_t> widths(columns_.size(), 0);
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : cells) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (right[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

Json Table::ToJson() const {
  Json array = Json::Array();
  for (const auto& row : rows_) {
    Json object = Json::Object();
    for (size_t i = 0; i < row.size(); ++i) object.Set(columns_[i], row[i]);
    array.Add(std::move(object));
  }
  return array;
}

void Print(const Table& table, Format format) {
  if (format == Format::kJson) return PrintLine(table.ToJson().Dump());
  std::fputs(table.ToText().c_str(), stdout);
}

void PrintLine(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace sluice::sluicectl
