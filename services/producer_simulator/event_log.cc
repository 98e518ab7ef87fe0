#include "producer_simulator/event_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/strings.h"

namespace sluice::producer_simulator {

EventLog::EventLog(std::string path, int64_t file_bytes, int files)
    : path_(std::move(path)), file_bytes_(file_bytes), files_(files) {
  OpenFile();
}

EventLog::~EventLog() {
  if (fd_ >= 0) close(fd_);
}

void EventLog::OpenFile() {
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  struct stat status;
  bytes_ = fd_ >= 0 && fstat(fd_, &status) == 0 ? status.st_size : 0;
}

void EventLog::Rotate() {
  if (fd_ >= 0) close(fd_);
  for (int i = files_ - 1; i > 0; --i) {
    const std::string older = Concat(path_, ".", i);
    const std::string newer = i == 1 ? path_ : Concat(path_, ".", i - 1);
    std::rename(newer.c_str(), older.c_str());
  }
  OpenFile();
}

void EventLog::Write(std::string_view line) {
  if (bytes_ > 0 && bytes_ + static_cast<int64_t>(line.size()) >= file_bytes_) Rotate();
  if (fd_ < 0) return;
  std::string text(line);
  text.push_back('\n');
  const ssize_t written = write(fd_, text.data(), text.size());
  if (written > 0) bytes_ += written;
}

}  // namespace sluice::producer_simulator
