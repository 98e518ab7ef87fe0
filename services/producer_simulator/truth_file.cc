#include "producer_simulator/truth_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/durable_file.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {

absl::StatusOr<std::unique_ptr<TruthFile>> TruthFile::Open(const std::string& path, int64_t bytes) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return absl::InvalidArgumentError(Concat("truth file ", path, ": ", std::strerror(errno)));
  std::unique_ptr<TruthFile> truth(new TruthFile(fd, path, bytes));
  struct stat status;
  if (fstat(fd, &status) != 0 || status.st_size < bytes) {
    return absl::FailedPreconditionError(Concat(
        "the truth file ", path, " is shorter than the ", bytes,
        " bytes that were written to it; give the old one, or a new --data-dir to begin anew"));
  }
  if (ftruncate(fd, bytes) != 0)
    return absl::UnavailableError(Concat(path, ": ", std::strerror(errno)));
  return truth;
}

TruthFile::~TruthFile() { close(fd_); }

void TruthFile::Add(int32_t partition, int64_t offset, std::string_view record_id,
                    const Expectation& expectation) {
  added_.append("{\"partition\":");
  AppendInteger(partition, &added_);
  added_.append(",\"offset\":");
  AppendInteger(offset, &added_);
  added_.append(",\"record_id\":");
  AppendJsonString(record_id, &added_);
  added_.append(",").append(expectation.json).append("}\n");
}

absl::Status TruthFile::Flush() {
  if (added_.empty()) return absl::OkStatus();
  absl::Status status = WriteAt(fd_, added_, bytes_, path_);
  if (status.ok()) status = SyncData(fd_, path_);
  if (!status.ok()) return status;
  bytes_ += static_cast<int64_t>(added_.size());
  added_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::producer_simulator
