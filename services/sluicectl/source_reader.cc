#include "sluicectl/source_reader.h"

#include <algorithm>

#include "base/status.h"
#include "sluicectl/truth.h"

namespace sluice::sluicectl {
namespace {

constexpr size_t kChunkBytes = 32 << 20;
constexpr size_t kMaxChunkRecords = 20'000;
constexpr absl::Duration kReadTimeout = absl::Seconds(60);

}  // namespace

absl::StatusOr<const SourceRecord*> SourceReader::Peek() {
  if (at_ == chunk_.size() && !ended_) SLUICE_RETURN_IF_ERROR(Fetch());
  return at_ < chunk_.size() ? &chunk_[at_] : nullptr;
}

absl::Status SourceReader::Fetch() {
  chunk_.clear();
  at_ = 0;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> messages,
                          admin_->Read(partition_, from_, chunk_records_, kReadTimeout));
  ended_ = messages.size() < chunk_records_;
  if (messages.empty()) return absl::OkStatus();
  from_ = messages.back().offset() + 1;
  size_t bytes = 1;
  for (const kafka::Message& message : messages) {
    const auto id = message.Header("sluice-record-id");
    chunk_.push_back({message.offset(), !message.value().has_value(), id ? HashRecordId(*id) : 0});
    bytes += message.value().value_or("").size();
  }
  // As many as fit, by the size of those just seen; growing gently, since the next may be larger.
  const size_t fitting = kChunkBytes / (bytes / messages.size() + 1) + 1;
  chunk_records_ = std::min({fitting, chunk_records_ * 4, kMaxChunkRecords});
  return absl::OkStatus();
}

}  // namespace sluice::sluicectl
