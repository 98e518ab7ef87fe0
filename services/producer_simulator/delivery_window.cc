#include "producer_simulator/delivery_window.h"

#include <cstdlib>
#include <utility>

namespace sluice::producer_simulator {

uint64_t DeliveryWindow::Add(SentRecord record) {
  if (chunks_.empty() || chunks_.back().closed) chunks_.emplace_back().first_token = next_token_;
  chunks_.back().records.push_back(std::move(record));
  ++chunks_.back().open;
  ++open_;
  ++size_;
  return next_token_++;
}

SentRecord& DeliveryWindow::Find(uint64_t token, Chunk** chunk) {
  for (auto at = chunks_.rbegin(); at != chunks_.rend(); ++at) {
    if (token < at->first_token) continue;
    *chunk = &*at;
    return at->records[token - at->first_token];
  }
  std::abort();  // a token of no chunk: decided twice, or never given out
}

SentRecord& DeliveryWindow::Decide(uint64_t token, SentRecord::State state) {
  Chunk* chunk = nullptr;
  SentRecord& record = Find(token, &chunk);
  if (record.state != SentRecord::State::kOpen) std::abort();
  record.state = state;
  --chunk->open;
  --open_;
  return record;
}

void DeliveryWindow::Deliver(uint64_t token, int32_t partition, int64_t offset) {
  SentRecord& record = Decide(token, SentRecord::State::kDelivered);
  record.partition = partition;
  record.offset = offset;
}

const SentRecord& DeliveryWindow::Reject(uint64_t token) {
  return Decide(token, SentRecord::State::kRejected);
}

void DeliveryWindow::Close(ChunkEnd end) {
  if (back_size() == 0) return;
  chunks_.back().end = std::move(end);
  chunks_.back().closed = true;
}

const DeliveryWindow::Chunk* DeliveryWindow::Done() const {
  if (chunks_.empty() || !chunks_.front().closed || chunks_.front().open > 0) return nullptr;
  return &chunks_.front();
}

void DeliveryWindow::PopDone() {
  size_ -= chunks_.front().records.size();
  chunks_.pop_front();
}

}  // namespace sluice::producer_simulator
