#include "sample/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace sluice::sample {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;

absl::Status CannotRead(const std::string& path, const char* why) {
  return absl::InvalidArgumentError(Concat("cannot read ", path, ": ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Input>> Input::Open(const std::string& path) {
  if (path == "-") return std::unique_ptr<Input>(new Input("standard input", STDIN_FILENO));
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotRead(path, std::strerror(errno));
  auto input = std::unique_ptr<Input>(new Input(path, fd));
  struct stat file;
  if (fstat(fd, &file) == 0 && S_ISDIR(file.st_mode)) return CannotRead(path, "it is a folder");
  return input;
}

Input::~Input() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

absl::StatusOr<bool> Input::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + kReadBytes);
  ssize_t got;
  do {
    got = read(fd_, buffer_.data() + before, kReadBytes);
  } while (got < 0 && errno == EINTR);
  const int error = errno;
  buffer_.resize(before + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) return CannotRead(path_, std::strerror(error));
  return got > 0;
}

}  // namespace sluice::sample
