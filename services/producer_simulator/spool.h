#pragma once
// The durable spool of records from outside: Append returns when they are on the disk; they are
// read in order, and given back when Kafka has them.
//
// A folder of segments `<number of the first record, 20 digits>.spool`. A segment is a row of
// entries:
//   4 bytes  length n of the payload, little-endian
//   4 bytes  CRC-32 (IEEE) of the payload
//   n bytes  payload: the caller's
// An entry that is cut off or does not match its CRC at the end of the last segment was never
// accepted: the append was interrupted. It is cut away when the spool is opened. Anywhere else it
// is damage, and reported.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::producer_simulator {

/// Append may be called by any thread; the rest by the delivering thread.
class Spool {
 public:
  struct Options {
    int64_t segment_bytes = 16 << 20;
    int64_t max_bytes = int64_t{1} << 30;
  };
  struct Position {
    int64_t record = 0;   ///< number of the next record
    int64_t segment = 0;  ///< first record of its segment
    int64_t byte = 0;     ///< in the segment
  };

  static absl::StatusOr<std::unique_ptr<Spool>> Open(const std::string& folder,
                                                     const Options& options);
  ~Spool();

  /// Store all payloads, or none. Returns the number of the first after fsync; calls at the same
  /// time share one. kResourceExhausted: the spool, or the disk, is full. kUnavailable: the disk
  /// fails.
  absl::StatusOr<int64_t> Append(const std::vector<std::string>& payloads);

  /// The payload at `position`, which then moves on. False: nothing durable follows. kDataLoss: the
  /// spool is damaged.
  absl::StatusOr<bool> Read(Position* position, std::string* payload);
  /// Where the oldest record lies.
  Position Begin() const;
  /// Remove the segments that lie before `position`.
  void Release(const Position& position);

  int64_t next_record() const;  ///< number of the next record to be accepted
  int64_t bytes() const;        ///< on the disk

 private:
  struct Segment {
    int fd = -1;
    std::string path;
    int64_t durable = 0;  ///< bytes that were fsynced
  };

  /// What one write and fsync decide. Shared by all who wait for it.
  struct Batch {
    bool decided = false;
    absl::Status status;
    int64_t first = 0;  ///< number of its first record, when OK
  };

  Spool(std::string folder, const Options& options);
  absl::Status Recover();
  absl::Status AddSegment(int64_t first);
  /// Write and fsync what waits. Only one thread at a time; the lock is released meanwhile.
  void Commit(std::unique_lock<std::mutex>* lock);

  const std::string folder_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable committed_;
  std::map<int64_t, Segment> segments_;  // by first record
  std::string waiting_;                  // entries that are not written yet
  int64_t waiting_records_ = 0;
  int64_t next_record_ = 0;  // durable
  int64_t total_bytes_ = 0;
  bool committing_ = false;
  std::shared_ptr<Batch> batch_;  // the one that is waiting
};

}  // namespace sluice::producer_simulator
