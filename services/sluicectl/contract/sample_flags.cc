#include "sluicectl/contract/sample_flags.h"

#include "base/status.h"

namespace sluice::sluicectl {

void SampleFlags::AddFlags(CLI::App& app, bool positional) {
  app.add_option(positional ? "SAMPLE" : "--sample", path_,
                 "Records as NDJSON, CSV (with a header row) or Parquet; - is the standard input")
      ->type_name(positional ? "" : "FILE")
      ->required();
  app.add_option("--format", format_,
                 "ndjson, csv or parquet (default: by the file's beginning and name)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"ndjson", "csv", "parquet"}));
  app.add_option("--delimiter", delimiter_, "Between the cells of CSV")
      ->type_name("CHARACTER")
      ->capture_default_str();
}

absl::StatusOr<std::unique_ptr<sample::Sample>> SampleFlags::Open(
    int64_t max_record_bytes, const contract::Contract* contract) const {
  sample::Options options;
  options.max_record_bytes = max_record_bytes;
  options.contract = contract;
  if (delimiter_.size() != 1 || delimiter_ == "\"" || delimiter_ == "\n" || delimiter_ == "\r") {
    return absl::InvalidArgumentError(
        Concat("--delimiter: `", delimiter_, "` is not one character that may separate cells"));
  }
  options.delimiter = delimiter_[0];
  for (int i = 0; i < 3; ++i) {
    if (format_ == sample::kFormatNames[i]) options.format = static_cast<sample::Format>(i);
  }
  return sample::OpenSample(path_, options);
}

}  // namespace sluice::sluicectl
