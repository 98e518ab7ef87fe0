#pragma once
// Records in a file, as a producer would send them: one JSON value after the other, from NDJSON,
// CSV or Parquet. What is no file of its format is refused with its line; what a record holds is
// nobody's business here: RecordParser judges it.
//
//   NDJSON   A line is a record, byte for byte; empty lines are none.
//   CSV      RFC 4180 with a header row. A row is a JSON object: the cell of a contract's integer
//   or
//            number column stands in it as it is written if it is a JSON number, `true` and `false`
//            in any case as truth values in a boolean column, an array in an array column, if it is
//            one as JSON writes it, everything else as a text. An empty
//            cell is null, `""` is the empty text. A name in the header that lies in an object of
//            the contract, such as address.city, is a member of it; an object without a value is
//            null.
//   Parquet  A row is a JSON object; nulls, texts, numbers, truth values and lists are what they
//   are, dates
//            and times are texts in ISO 8601 (a time without a zone is UTC). A floating-point
//            number is never written like an integer: 5.0.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "contract/contract.h"

namespace sluice::sample {

enum class Format : uint8_t { kNdjson, kCsv, kParquet };
inline constexpr const char* kFormatNames[] = {"ndjson", "csv", "parquet"};

struct Options {
  std::optional<Format> format;  ///< nothing: by the first bytes and the name of the file
  char delimiter = ',';          ///< between the cells of CSV
  /// Of a longer record only so many bytes and a few more are kept: its reader sees that it is too
  /// long, and memory has a bound.
  int64_t max_record_bytes = int64_t{1} << 20;
  /// What CSV's cells are meant to be. Null: every cell is a text. Must outlive the sample.
  const contract::Contract* contract = nullptr;
};

struct Record {
  int64_t line = 0;        ///< of its first byte, from 1; in Parquet the number of the row
  std::string_view value;  ///< valid until the next call
};

/// One pass over a file, by one thread; memory does not grow with the file.
class Sample {
 public:
  virtual ~Sample() = default;
  virtual Format format() const = 0;
  /// The next record; false at the end. kInvalidArgument: the file is not of its format from here
  /// on, or cannot be read any further.
  virtual absl::StatusOr<bool> Next(Record* record) = 0;
};

/// `path`: a file, or `-` for the standard input (not for Parquet). kInvalidArgument: it cannot be
/// read, or is not of the format.
absl::StatusOr<std::unique_ptr<Sample>> OpenSample(const std::string& path, const Options& options);

}  // namespace sluice::sample
