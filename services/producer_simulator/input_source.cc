#include "producer_simulator/input_source.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"

namespace sluice::producer_simulator {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kMaxLineBytes = 256 << 20;

}  // namespace

struct InputSource::KeyReader {
  std::string member;
  simdjson::dom::parser parser;

  /// The member's text, or its number as it is written by simdjson; false when there is none.
  bool Read(const std::string& line, std::string* key) {
    simdjson::dom::element value;
    if (parser.parse(line)[member].get(value) != simdjson::SUCCESS) return false;
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      key->assign(text);
      return true;
    }
    if (!value.is_int64() && !value.is_uint64()) return false;
    *key = simdjson::minify(value);
    return true;
  }
};

absl::StatusOr<std::unique_ptr<InputSource>> InputSource::Open(const std::string& path,
                                                               int64_t target,
                                                               const std::string& key_member) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::NotFoundError(
        Concat("cannot read the input file ", path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<InputSource>(new InputSource(fd, path, target, key_member));
}

InputSource::InputSource(int fd, std::string path, int64_t target, const std::string& key_member)
    : fd_(fd), path_(std::move(path)), target_(target) {
  if (key_member.empty()) return;
  key_reader_ = std::make_unique<KeyReader>();
  key_reader_->member = key_member;
}

InputSource::~InputSource() { close(fd_); }

absl::StatusOr<bool> InputSource::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (buffer_.size() > kMaxLineBytes) {
    return absl::InvalidArgumentError(
        Concat(path_, ": the line at byte ", offset_, " is longer than 256 MiB"));
  }
  const size_t before = buffer_.size();
  buffer_.resize(before + kReadBytes);
  ssize_t got;
  do {
    got = pread(fd_, buffer_.data() + before, kReadBytes, read_);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(before + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) return absl::UnavailableError(Concat(path_, ": ", std::strerror(errno)));
  read_ += got;
  return got > 0;
}

absl::StatusOr<bool> InputSource::Next(Record* record) {
  size_t scanned = 0;
  while (!exhausted()) {
    const size_t newline = buffer_.find('\n', begin_ + scanned);
    size_t line_size = newline - begin_;
    size_t taken = line_size + 1;
    if (newline == std::string::npos) {
      scanned = buffer_.size() - begin_;
      SLUICE_ASSIGN_OR_RETURN(const bool more, Fill());
      if (more) continue;
      line_size = taken = buffer_.size() - begin_;
      at_end_ = taken == 0;
      if (at_end_) return false;
    }
    std::string_view line(buffer_.data() + begin_, line_size);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    record->value.assign(line);
    begin_ += taken;
    offset_ += static_cast<int64_t>(taken);
    scanned = 0;
    if (record->value.empty()) continue;
    ++records_;
    record->has_value = true;
    record->has_key = key_reader_ != nullptr && key_reader_->Read(record->value, &record->key);
    return true;
  }
  return false;
}

absl::Status InputSource::Rewind(const SourcePosition& position) {
  struct stat file;
  if (fstat(fd_, &file) != 0 || file.st_size < position.byte) {
    return absl::FailedPreconditionError(Concat(path_, " is shorter than when it was read before (",
                                                position.byte,
                                                " bytes); use a new --data-dir to begin anew"));
  }
  buffer_.clear();
  begin_ = 0;
  offset_ = read_ = position.byte;
  records_ = position.record;
  at_end_ = false;
  return absl::OkStatus();
}

}  // namespace sluice::producer_simulator
