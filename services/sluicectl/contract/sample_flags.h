#pragma once
// The flags that name a sample of records: for `contract test` and `contract infer`.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sample/sample.h"

namespace sluice::sluicectl {

class SampleFlags {
 public:
  /// With --sample, or with a positional argument SAMPLE.
  void AddFlags(CLI::App& app, bool positional = false);
  /// As sample::OpenSample.
  absl::StatusOr<std::unique_ptr<sample::Sample>> Open(int64_t max_record_bytes,
                                                       const contract::Contract* contract) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string format_;
  std::string delimiter_ = ",";
};

}  // namespace sluice::sluicectl
