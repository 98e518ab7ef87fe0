#include "sluicectl/records/source_reader.h"

#include "base/status.h"
#include "sluicectl/verify/truth.h"

namespace sluice::sluicectl {
namespace {

constexpr size_t kChunkBytes = 32 << 20;

}  // namespace

SourceReader::SourceReader(kafka::Admin* admin, kafka::TopicPartition partition, kafka::Offset from)
    : log_(admin, std::move(partition), from, kChunkBytes) {}

absl::StatusOr<const SourceRecord*> SourceReader::Peek() {
  if (held_) return &record_;
  if (ended_) return nullptr;
  SLUICE_ASSIGN_OR_RETURN(const kafka::Message* const message, log_.Peek());
  if (message == nullptr) {
    ended_ = true;
    return nullptr;
  }
  const auto id = message->Header("sluice-record-id");
  record_ = {message->offset(), !message->value().has_value(), id ? HashRecordId(*id) : 0};
  held_ = true;
  log_.Pop();
  return &record_;
}

}  // namespace sluice::sluicectl
