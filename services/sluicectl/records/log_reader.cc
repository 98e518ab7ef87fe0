#include "sluicectl/records/log_reader.h"

#include <algorithm>

#include "base/status.h"

namespace sluice::sluicectl {
namespace {

constexpr size_t kMaxChunkMessages = 20'000;
constexpr absl::Duration kReadTimeout = absl::Seconds(60);

}  // namespace

absl::StatusOr<const kafka::Message*> LogReader::Peek() {
  if (at_ == chunk_.size()) SLUICE_RETURN_IF_ERROR(Fetch());
  return at_ < chunk_.size() ? &chunk_[at_] : nullptr;
}

absl::Status LogReader::Fetch() {
  chunk_.clear();
  at_ = 0;
  SLUICE_ASSIGN_OR_RETURN(chunk_, admin_->Read(partition_, from_, chunk_messages_, kReadTimeout));
  if (chunk_.empty()) return absl::OkStatus();
  from_ = chunk_.back().offset() + 1;
  size_t bytes = 1;
  for (const kafka::Message& message : chunk_) bytes += message.value().value_or("").size();
  // As many as fit, by the size of those just seen; growing gently, since the next may be larger.
  const size_t fitting = chunk_bytes_ / (bytes / chunk_.size() + 1) + 1;
  chunk_messages_ = std::min({fitting, chunk_messages_ * 4, kMaxChunkMessages});
  return absl::OkStatus();
}

}  // namespace sluice::sluicectl
