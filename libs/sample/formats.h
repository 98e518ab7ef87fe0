#pragma once
// The readers behind OpenSample, one a file.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sample/input.h"
#include "sample/sample.h"

namespace sluice::sample {

std::unique_ptr<Sample> MakeNdjsonSample(std::unique_ptr<Input> input, int64_t max_record_bytes);

/// Reads the header: kInvalidArgument when there is none.
absl::StatusOr<std::unique_ptr<Sample>> MakeCsvSample(std::unique_ptr<Input> input,
                                                      const Options& options);

/// Reads the footer: kInvalidArgument when it is not a whole Parquet file.
absl::StatusOr<std::unique_ptr<Sample>> MakeParquetSample(const std::string& path);

}  // namespace sluice::sample
