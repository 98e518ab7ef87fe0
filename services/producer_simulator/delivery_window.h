#pragma once
// The records that have been sent and are not yet part of a checkpoint, in chunks. A chunk is done
// when each of its records has arrived or was refused for good; done chunks leave from the front,
// and each is one checkpoint.
//
// A chunk's end says where every source stood when it was closed, and from where on each partition
// would have to be read to find any record sent later. Both were true at that moment and stay true,
// whatever order the records arrive in.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "producer_simulator/record.h"
#include "producer_simulator/record_source.h"

namespace sluice::producer_simulator {

enum class Lane : uint8_t { kMain, kPublished };

struct SentRecord {
  enum class State : uint8_t { kOpen, kDelivered, kRejected };
  Lane lane = Lane::kMain;
  State state = State::kOpen;
  int32_t partition = -1;
  int64_t number = 0;  ///< in its source
  int64_t offset = -1;
  const Expectation* expectation = nullptr;
  std::string id;  ///< empty: made of lane and number
};

struct ChunkEnd {
  SourcePosition main;
  SourcePosition published;
  std::map<int32_t, int64_t> read_back_from;
};

/// Pure bookkeeping. One thread.
class DeliveryWindow {
 public:
  struct Chunk {
    uint64_t first_token = 0;
    std::vector<SentRecord> records;
    size_t open = 0;
    bool closed = false;
    ChunkEnd end;
  };

  /// The token that the next Add gives out.
  uint64_t next_token() const { return next_token_; }
  /// Into the chunk at the back. Returns the token by which it is found again.
  uint64_t Add(SentRecord record);
  /// The record has arrived. Each token is decided once.
  void Deliver(uint64_t token, int32_t partition, int64_t offset);
  /// The record was refused for good. Returns it.
  const SentRecord& Reject(uint64_t token);

  /// Close the chunk at the back; the next record begins another. No-op when it is empty.
  void Close(ChunkEnd end);
  /// The chunk at the front when it is closed and done, else null.
  const Chunk* Done() const;
  void PopDone();

  size_t size() const { return size_; }  ///< records, decided or not
  size_t open() const { return open_; }
  /// Records in the chunk at the back.
  size_t back_size() const {
    return chunks_.empty() || chunks_.back().closed ? 0 : chunks_.back().records.size();
  }

 private:
  SentRecord& Find(uint64_t token, Chunk** chunk);
  SentRecord& Decide(uint64_t token, SentRecord::State state);

  std::deque<Chunk> chunks_;
  uint64_t next_token_ = 0;
  size_t size_ = 0;
  size_t open_ = 0;
};

}  // namespace sluice::producer_simulator
