#include "stage/tap_hub.h"

#include <algorithm>
#include <chrono>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "batch/row_json.h"
#include "batch/schema.h"
#include "batch/verdict.h"

namespace sluice::stage {
namespace {

constexpr size_t kQueuedRecords = 256;
constexpr size_t kShownRawBytes = 4096;

service::TappedRecord ToRecord(const arrow::RecordBatch& rows, int64_t row,
                               const contract::Contract& contract, int32_t partition) {
  const auto& timestamps =
      static_cast<const arrow::TimestampArray&>(*rows.column(batch::kTimestamp));
  const auto& keys = static_cast<const arrow::BinaryArray&>(*rows.column(batch::kKey));
  const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows.column(batch::kReason));
  const auto& failed =
      static_cast<const arrow::FixedSizeBinaryArray&>(*rows.column(batch::kFailedRules));
  const auto& raw = static_cast<const arrow::BinaryArray&>(*rows.column(batch::kRaw));
  const auto verdict =
      static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict)).Value(row);

  service::TappedRecord record;
  record.partition = partition;
  record.offset = static_cast<const arrow::Int64Array&>(*rows.column(batch::kOffset)).Value(row);
  if (timestamps.IsValid(row)) record.timestamp_ms = timestamps.Value(row);
  if (keys.IsValid(row)) record.key = std::string(keys.GetView(row));
  record.verdict = batch::Name(static_cast<batch::Verdict>(verdict));
  if (reasons.IsValid(row))
    record.reason = batch::Name(static_cast<batch::Reason>(reasons.GetValueIndex(row)));
  if (failed.IsValid(row)) {
    const uint8_t* bits = failed.GetValue(row);
    for (size_t rule = 0; rule < contract.rules.size(); ++rule) {
      if ((bits[rule / 8] >> (rule % 8)) & 1)
        record.failed_rules.push_back(contract.rules[rule].id);
    }
  }
  record.columns = raw.IsNull(row) && verdict != static_cast<uint8_t>(batch::Verdict::kTombstone);
  if (record.columns) {
    record.json = batch::RowJson(rows, row);
  } else if (raw.IsValid(row)) {
    record.json = std::string(raw.GetView(row).substr(0, kShownRawBytes));
  }
  return record;
}

}  // namespace

struct TapHub::Subscription {
  service::TapFilter filter;
  std::optional<uint8_t> verdict;
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<service::TappedRecord> queue;  // guarded by mutex
  int64_t taken = 0;                        // guarded by mutex
};

class TapHub::Stream : public service::TapStream {
 public:
  Stream(TapHub* hub, std::shared_ptr<Subscription> subscription)
      : hub_(hub), subscription_(std::move(subscription)) {}
  ~Stream() override { hub_->Remove(subscription_); }

  std::optional<service::TappedRecord> Next(absl::Duration timeout) override {
    std::unique_lock lock(subscription_->mutex);
    subscription_->arrived.wait_for(lock, absl::ToChronoMilliseconds(timeout),
                                    [&] { return !subscription_->queue.empty(); });
    if (subscription_->queue.empty()) return std::nullopt;
    service::TappedRecord record = std::move(subscription_->queue.front());
    subscription_->queue.pop_front();
    return record;
  }

  bool done() const override {
    const std::lock_guard lock(subscription_->mutex);
    return subscription_->queue.empty() && subscription_->taken >= subscription_->filter.limit;
  }

 private:
  TapHub* hub_;
  std::shared_ptr<Subscription> subscription_;
};

std::unique_ptr<service::TapStream> TapHub::Open(const service::TapFilter& filter) {
  auto subscription = std::make_shared<Subscription>();
  subscription->filter = filter;
  if (filter.verdict) {
    if (const auto verdict = batch::ParseVerdict(*filter.verdict))
      subscription->verdict = static_cast<uint8_t>(*verdict);
  }
  const std::lock_guard lock(mutex_);
  subscriptions_.push_back(subscription);
  listeners_.store(static_cast<int>(subscriptions_.size()), std::memory_order_release);
  return std::make_unique<Stream>(this, std::move(subscription));
}

void TapHub::Remove(const std::shared_ptr<Subscription>& subscription) {
  const std::lock_guard lock(mutex_);
  std::erase(subscriptions_, subscription);
  listeners_.store(static_cast<int>(subscriptions_.size()), std::memory_order_release);
}

void TapHub::Offer(const arrow::RecordBatch& rows, const contract::Contract& contract,
                   int32_t partition) {
  if (listeners_.load(std::memory_order_acquire) == 0 || rows.num_rows() == 0) return;
  const auto& verdicts = static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict));
  const std::lock_guard lock(mutex_);
  for (const auto& subscription : subscriptions_) {
    if (subscription->filter.partition && *subscription->filter.partition != partition) continue;
    const std::lock_guard queue_lock(subscription->mutex);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (subscription->queue.size() >= kQueuedRecords ||
          subscription->taken >= subscription->filter.limit)
        break;
      if (subscription->verdict && verdicts.Value(row) != *subscription->verdict) continue;
      subscription->queue.push_back(ToRecord(rows, row, contract, partition));
      ++subscription->taken;
    }
    subscription->arrived.notify_one();
  }
}

}  // namespace sluice::stage
