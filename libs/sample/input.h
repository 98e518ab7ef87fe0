#pragma once
// The bytes of a file or pipe, in pieces. One thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::sample {

class Input {
 public:
  /// `-` is the standard input. kInvalidArgument when it cannot be opened or is a folder.
  static absl::StatusOr<std::unique_ptr<Input>> Open(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const std::string& path() const { return path_; }
  /// What was read and not consumed; valid until the next call.
  std::string_view available() const { return std::string_view(buffer_).substr(begin_); }
  /// Read more behind it. False at the end.
  absl::StatusOr<bool> Fill();
  void Consume(size_t bytes) { begin_ += bytes; }

 private:
  Input(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  std::string buffer_;
  size_t begin_ = 0;
};

}  // namespace sluice::sample
