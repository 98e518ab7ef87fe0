#include "sample/sample.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/status.h"
#include "sample/formats.h"

namespace sluice::sample {
namespace {

constexpr std::string_view kParquetMagic = "PAR1";

struct Packing {
  std::string_view magic;
  const char* name;
};
constexpr Packing kPackings[] = {
    {"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}, {"PK\x03\x04", "zip"}};

absl::StatusOr<Format> FormatOf(const std::string& path, std::string_view head,
                                const Options& options) {
  for (const Packing& packing : kPackings) {
    if (head.substr(0, packing.magic.size()) == packing.magic) {
      return absl::InvalidArgumentError(
          Concat(path, " is packed with ", packing.name, ": unpack it first"));
    }
  }
  const std::string name = absl::AsciiStrToLower(path);
  const bool parquet = head.substr(0, kParquetMagic.size()) == kParquetMagic;
  const bool wanted =
      options.format ? *options.format == Format::kParquet : absl::EndsWith(name, ".parquet");
  if (wanted && !parquet) {
    return absl::InvalidArgumentError(
        Concat(path, " is no Parquet file: it does not begin as one"));
  }
  if (options.format) return *options.format;
  if (parquet) return Format::kParquet;
  return absl::EndsWith(name, ".csv") ? Format::kCsv : Format::kNdjson;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sample>> OpenSample(const std::string& path,
                                                   const Options& options) {
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Input> input, Input::Open(path));
  SLUICE_RETURN_IF_ERROR(input->Fill().status());
  SLUICE_ASSIGN_OR_RETURN(const Format format,
                          FormatOf(input->path(), input->available(), options));
  switch (format) {
    case Format::kNdjson:
      return MakeNdjsonSample(std::move(input), options.max_record_bytes);
    case Format::kCsv:
      return MakeCsvSample(std::move(input), options);
    case Format::kParquet:
      break;
  }
  if (path == "-") {
    return absl::InvalidArgumentError(
        "Parquet is read from its end: it needs a file, not the standard input");
  }
  return MakeParquetSample(path);
}

}  // namespace sluice::sample
