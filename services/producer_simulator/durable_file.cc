#include "producer_simulator/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/fault_point.h"
#include "base/status.h"
#include "base/strings.h"

namespace sluice::producer_simulator {
namespace {

absl::Status Failure(const std::string& path) {
  const int error = errno;
  const std::string text = Concat(path, ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::UnavailableError(text);
}

}  // namespace

absl::Status WriteAt(int fd, std::string_view bytes, int64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failure(path);
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return absl::OkStatus();
}

absl::Status SyncData(int fd, const std::string& path) {
  return fdatasync(fd) == 0 ? absl::OkStatus() : Failure(path);
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failure(folder);
  const absl::Status status = fsync(fd) == 0 ? absl::OkStatus() : Failure(folder);
  close(fd);
  return status;
}

absl::Status ReplaceFile(const std::string& path, std::string_view bytes) {
  const std::string draft = Concat(path, ".new");
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failure(draft);
  absl::Status status = WriteAt(fd, bytes, 0, draft);
  if (status.ok()) status = SyncData(fd, draft);
  close(fd);
  SLUICE_RETURN_IF_ERROR(status);
  SLUICE_FAULT_POINT("simulator.file_drafted");
  if (std::rename(draft.c_str(), path.c_str()) != 0) return Failure(path);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return SyncFolder(folder.empty() ? "." : folder.string());
}

}  // namespace sluice::producer_simulator
