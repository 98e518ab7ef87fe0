#pragma once
// The truth file: NDJSON, one line per delivered record whose verdict is known beforehand. See
// README.md for its format.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "producer_simulator/record.h"

namespace sluice::producer_simulator {

/// One thread.
class TruthFile {
 public:
  /// Opens or creates the file and cuts it to `bytes`, its length at the checkpoint: what follows
  /// will be written again. kFailedPrecondition: it is shorter than that.
  static absl::StatusOr<std::unique_ptr<TruthFile>> Open(const std::string& path, int64_t bytes);
  ~TruthFile();

  void Add(int32_t partition, int64_t offset, std::string_view record_id,
           const Expectation& expectation);
  /// Write and fsync what was added. After an error the file is as long as before.
  absl::Status Flush();
  /// Length of what is durable.
  int64_t bytes() const { return bytes_; }

 private:
  TruthFile(int fd, std::string path, int64_t bytes)
      : fd_(fd), path_(std::move(path)), bytes_(bytes) {}

  const int fd_;
  const std::string path_;
  int64_t bytes_;
  std::string added_;
};

}  // namespace sluice::producer_simulator
