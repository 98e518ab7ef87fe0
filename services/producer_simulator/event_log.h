#pragma once
// success.log and failure.log: NDJSON, bounded by rotation (`success.log`, `success.log.1`, ...).
// Lines are lost rather than anything stopped when the disk is full.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::producer_simulator {

/// One thread.
class EventLog {
 public:
  /// Keeps `files` files of about `file_bytes`.
  EventLog(std::string path, int64_t file_bytes, int files);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// One line; a newline is added. `line` is a JSON object.
  void Write(std::string_view line);

 private:
  void OpenFile();
  void Rotate();

  const std::string path_;
  const int64_t file_bytes_;
  const int files_;
  int fd_ = -1;
  int64_t bytes_ = 0;
};

}  // namespace sluice::producer_simulator
