#include "producer_simulator/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/durable_file.h"

namespace sluice::producer_simulator {
namespace {

constexpr std::string_view kSuffix = ".spool";
constexpr size_t kHeadBytes = 8;
constexpr uint32_t kMaxPayloadBytes = 256 << 20;

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
    table[i] = crc;
  }
  return table;
}();

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 255];
  return ~crc;
}

void AppendWord(uint32_t word, std::string* out) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(word >> (8 * i)));
}
uint32_t ReadWord(const char* bytes) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i)
    word |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return word;
}

enum class Found { kEntry, kEnd, kDamage };

// The entry at `at` of a file with `size` bytes.
Found ReadEntry(int fd, int64_t at, int64_t size, std::string* payload) {
  if (at >= size) return Found::kEnd;
  char head[kHeadBytes];
  if (at + static_cast<int64_t>(kHeadBytes) > size ||
      pread(fd, head, kHeadBytes, at) != static_cast<ssize_t>(kHeadBytes)) {
    return Found::kDamage;
  }
  const uint32_t length = ReadWord(head);
  if (length > kMaxPayloadBytes || at + static_cast<int64_t>(kHeadBytes + length) > size) {
    return Found::kDamage;
  }
  payload->resize(length);
  if (pread(fd, payload->data(), length, at + static_cast<int64_t>(kHeadBytes)) !=
      static_cast<ssize_t>(length)) {
    return Found::kDamage;
  }
  return Crc32(*payload) == ReadWord(head + 4) ? Found::kEntry : Found::kDamage;
}

}  // namespace

Spool::Spool(std::string folder, const Options& options)
    : folder_(std::move(folder)), options_(options), batch_(std::make_shared<Batch>()) {}

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const std::string& folder,
                                                   const Options& options) {
  std::unique_ptr<Spool> spool(new Spool(folder, options));
  SLUICE_RETURN_IF_ERROR(spool->Recover());
  return spool;
}

Spool::~Spool() {
  for (auto& [first, segment] : segments_) close(segment.fd);
}

absl::Status Spool::Recover() {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  for (const auto& file : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = file.path().filename().string();
    int64_t first = 0;
    if (name.size() != 20 + kSuffix.size() || name.substr(20) != kSuffix ||
        !absl::SimpleAtoi(name.substr(0, 20), &first)) {
      continue;
    }
    Segment segment;
    segment.path = file.path().string();
    segment.fd = open(segment.path.c_str(), O_RDWR | O_CLOEXEC);
    struct stat status;
    if (segment.fd < 0 || fstat(segment.fd, &status) != 0) {
      return absl::UnavailableError(Concat(segment.path, ": ", std::strerror(errno)));
    }
    segment.durable = status.st_size;
    segments_.emplace(first, std::move(segment));
  }
  if (error) return absl::UnavailableError(Concat(folder_, ": ", error.message()));
  if (segments_.empty()) return AddSegment(0);

  auto& [first, last] = *segments_.rbegin();
  std::string payload;
  int64_t at = 0;
  next_record_ = first;
  while (ReadEntry(last.fd, at, last.durable, &payload) == Found::kEntry) {
    at += static_cast<int64_t>(kHeadBytes + payload.size());
    ++next_record_;
  }
  if (at < last.durable) {
    if (ftruncate(last.fd, at) != 0 || fdatasync(last.fd) != 0) {
      return absl::UnavailableError(Concat(last.path, ": ", std::strerror(errno)));
    }
    last.durable = at;
  }
  for (const auto& [number, segment] : segments_) total_bytes_ += segment.durable;
  return absl::OkStatus();
}

absl::Status Spool::AddSegment(int64_t first) {
  Segment segment;
  segment.path = absl::StrCat(folder_, "/", absl::Dec(first, absl::kZeroPad20), AbslView(kSuffix));
  segment.fd = open(segment.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (segment.fd < 0) {
    return absl::UnavailableError(Concat(segment.path, ": ", std::strerror(errno)));
  }
  if (absl::Status synced = SyncFolder(folder_); !synced.ok()) {
    close(segment.fd);
    return synced;
  }
  segments_.emplace(first, std::move(segment));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Spool::Append(const std::vector<std::string>& payloads) {
  std::string entries;
  for (const std::string& payload : payloads) {
    if (payload.size() > kMaxPayloadBytes)
      return absl::InvalidArgumentError("the record is too large");
    AppendWord(static_cast<uint32_t>(payload.size()), &entries);
    AppendWord(Crc32(payload), &entries);
    entries.append(payload);
  }
  std::unique_lock lock(mutex_);
  if (total_bytes_ + static_cast<int64_t>(waiting_.size() + entries.size()) > options_.max_bytes) {
    return absl::ResourceExhaustedError(
        "the spool is full: Kafka does not take records; retry later");
  }
  const int64_t place = waiting_records_;
  const std::shared_ptr<Batch> mine = batch_;
  waiting_.append(entries);
  waiting_records_ += static_cast<int64_t>(payloads.size());
  // Who finds nobody writing writes for all who wait.
  while (!mine->decided) {
    if (committing_) {
      committed_.wait(lock);
    } else {
      Commit(&lock);
    }
  }
  if (!mine->status.ok()) return mine->status;
  return mine->first + place;
}

void Spool::Commit(std::unique_lock<std::mutex>* lock) {
  committing_ = true;
  const std::shared_ptr<Batch> batch = std::exchange(batch_, std::make_shared<Batch>());
  const std::string entries = std::exchange(waiting_, {});
  const int64_t records = std::exchange(waiting_records_, 0);
  absl::Status status;
  if (segments_.rbegin()->second.durable >= options_.segment_bytes)
    status = AddSegment(next_record_);
  // Nobody else touches the last segment while `committing_`.
  Segment& segment = segments_.rbegin()->second;
  lock->unlock();
  if (status.ok()) status = WriteAt(segment.fd, entries, segment.durable, segment.path);
  if (status.ok()) status = SyncData(segment.fd, segment.path);
  SLUICE_FAULT_POINT("simulator.spooled");
  if (!status.ok()) {
    // What was written is not durable for certain, and nobody was told that it is: cut it away.
    [[maybe_unused]] const int ignored = ftruncate(segment.fd, segment.durable);
  }
  lock->lock();
  batch->decided = true;
  batch->status = status;
  batch->first = next_record_;
  if (status.ok()) {
    segment.durable += static_cast<int64_t>(entries.size());
    total_bytes_ += static_cast<int64_t>(entries.size());
    next_record_ += records;
  }
  committing_ = false;
  committed_.notify_all();
}

absl::StatusOr<bool> Spool::Read(Position* position, std::string* payload) {
  int fd = -1;
  int64_t size = 0;
  bool last = false;
  std::string path;
  {
    std::lock_guard lock(mutex_);
    auto segment = segments_.find(position->segment);
    if (segment == segments_.end()) {
      return absl::DataLossError(Concat(folder_, ": there is no segment ", position->segment));
    }
    if (position->byte >= segment->second.durable) {
      if (++segment == segments_.end()) return false;
      position->segment = segment->first;
      position->byte = 0;
    }
    fd = segment->second.fd;
    size = segment->second.durable;
    path = segment->second.path;
    last = std::next(segment) == segments_.end();
  }
  switch (ReadEntry(fd, position->byte, size, payload)) {
    case Found::kEntry:
      break;
    case Found::kEnd:
      if (last) return false;
      [[fallthrough]];
    case Found::kDamage:
      return absl::DataLossError(Concat("the spool is damaged: ", path, " at byte ", position->byte,
                                        "; move the file away to go on without its records"));
  }
  position->byte += static_cast<int64_t>(kHeadBytes + payload->size());
  position->record += 1;
  return true;
}

Spool::Position Spool::Begin() const {
  std::lock_guard lock(mutex_);
  const int64_t first = segments_.begin()->first;
  return {first, first, 0};
}

void Spool::Release(const Position& position) {
  std::lock_guard lock(mutex_);
  while (segments_.size() > 1 && std::next(segments_.begin())->first <= position.record) {
    Segment& segment = segments_.begin()->second;
    close(segment.fd);
    unlink(segment.path.c_str());
    total_bytes_ -= segment.durable;
    segments_.erase(segments_.begin());
  }
}

int64_t Spool::next_record() const {
  std::lock_guard lock(mutex_);
  return next_record_;
}

int64_t Spool::bytes() const {
  std::lock_guard lock(mutex_);
  return total_bytes_;
}

}  // namespace sluice::producer_simulator
