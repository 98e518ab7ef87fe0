#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/status.h"
#include "sample/csv_rows.h"
#include "sample/formats.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

using contract::LogicalType;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct CsvColumn {
  std::string member;  // `"name":`
  std::optional<LogicalType> type;
};

class CsvSample : public Sample {
 public:
  CsvSample(CsvRows rows, const contract::Contract* contract)
      : rows_(std::move(rows)), contract_(contract) {}

  Format format() const override { return Format::kCsv; }

  absl::Status ReadHeader() {
    SLUICE_ASSIGN_OR_RETURN(const bool found, rows_.Next());
    if (!found) return Refuse("it is empty: a CSV file begins with a row of column names");
    if (rows_.count() > CsvRows::kMaxCells) {
      return Refuse(Concat("the header names more than ", CsvRows::kMaxCells, " columns"));
    }
    std::set<std::string_view> names;
    for (size_t i = 0; i < rows_.count(); ++i) {
      std::string_view name = rows_.cells()[i].text;
      if (i == 0 && name.substr(0, kByteOrderMark.size()) == kByteOrderMark)
        name.remove_prefix(kByteOrderMark.size());
      if (i == 0 && name.substr(0, 1) == "{") {
        return Refuse(
            "its first line is a JSON object, no header: is it NDJSON (--format ndjson)?");
      }
      SLUICE_RETURN_IF_ERROR(CheckName(name, i));
      if (!names.insert(name).second) return Refuse(Concat("two columns are named ", name));
      CsvColumn column;
      AppendText(name, &column.member);
      column.member += ':';
      const int index = contract_ == nullptr ? -1 : contract_->FindColumn(name);
      if (index >= 0) column.type = contract_->columns[static_cast<size_t>(index)].type;
      columns_.push_back(std::move(column));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Record* record) override {
    SLUICE_ASSIGN_OR_RETURN(const bool found, rows_.Next());
    if (!found) return false;
    if (rows_.count() != columns_.size()) {
      return Refuse(Concat("this row has ", rows_.count(), " cells, the header has ",
                           columns_.size(), "; is the delimiter the right one?"));
    }
    json_.assign(1, '{');
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) json_ += ',';
      json_ += columns_[i].member;
      AppendCell(rows_.cells()[i], columns_[i].type);
    }
    json_ += '}';
    *record = {rows_.line(), json_};
    return true;
  }

 private:
  absl::Status Refuse(std::string_view why) const {
    return absl::InvalidArgumentError(Concat(rows_.path(), ":", rows_.line(), ": ", why));
  }

  absl::Status CheckName(std::string_view name, size_t index) const {
    if (name.empty()) return Refuse(Concat("column ", index + 1, " has no name"));
    const bool text = std::all_of(name.begin(), name.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
    });
    if (!text || name.size() > 1024) {
      return Refuse("this is no CSV: its first line is not a row of column names");
    }
    return absl::OkStatus();
  }

  void AppendCell(const CsvCell& cell, std::optional<LogicalType> type) {
    if (cell.text.empty() && !cell.quoted) {
      json_ += "null";
    } else if (type == LogicalType::kBoolean && absl::EqualsIgnoreCase(cell.text, "true")) {
      json_ += "true";
    } else if (type == LogicalType::kBoolean && absl::EqualsIgnoreCase(cell.text, "false")) {
      json_ += "false";
    } else if ((type == LogicalType::kInteger || type == LogicalType::kNumber) &&
               IsJsonNumber(cell.text)) {
      json_ += cell.text;
    } else {
      AppendText(cell.text, &json_);
    }
  }

  CsvRows rows_;
  const contract::Contract* const contract_;
  std::vector<CsvColumn> columns_;
  std::string json_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sample>> MakeCsvSample(std::unique_ptr<Input> input,
                                                      const Options& options) {
  auto sample =
      std::make_unique<CsvSample>(CsvRows(std::move(input), options.delimiter,
                                          static_cast<size_t>(options.max_record_bytes) + 1),
                                  options.contract);
  SLUICE_RETURN_IF_ERROR(sample->ReadHeader());
  return sample;
}

}  // namespace sluice::sample
