#include <algorithm>
#include <set>

#include "base/status.h"
#include "sample/csv_members.h"
#include "sample/csv_rows.h"
#include "sample/formats.h"

namespace sluice::sample {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class CsvSample : public Sample {
 public:
  CsvSample(CsvRows rows, const contract::Contract* contract)
      : rows_(std::move(rows)), members_(contract) {}

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
      if (!members_.Add(name, static_cast<int>(i))) {
        return Refuse(Concat("by the contract ", name, " and another column cannot both be there: ",
                             "one would be an object in which the other is"));
      }
    }
    count_ = rows_.count();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Record* record) override {
    SLUICE_ASSIGN_OR_RETURN(const bool found, rows_.Next());
    if (!found) return false;
    if (rows_.count() != count_) {
      return Refuse(Concat("this row has ", rows_.count(), " cells, the header has ", count_,
                           "; is the delimiter the right one?"));
    }
    json_.clear();
    members_.AppendRecord(rows_.cells(), &json_);
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

  CsvRows rows_;
  CsvMembers members_;
  size_t count_ = 0;  // of the header's cells
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
