#include "stage/tap_hub.h"

#include <algorithm>
#include <chrono>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/row_json.h"
#include "batch/schema.h"
#include "batch/verdict.h"
#include "contract/classification.h"
#include "contract/suggestion.h"

namespace sluice::stage {
namespace {

constexpr size_t kQueuedRecords = 256;
constexpr size_t kShownRawBytes = 4096;
constexpr size_t kMaxTaps = 16;

absl::Status CheckKnown(std::string_view what, const std::string& name,
                        const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return absl::OkStatus();
  std::string list;
  for (const std::string& each : known) Append(&list, list.empty() ? "" : ", ", each);
  return absl::InvalidArgumentError(Concat("the contract in force here has no ", what, " `", name,
                                           "`",
                                           contract::DidYouMean(name, {known.begin(), known.end()}),
                                           list.empty() ? "; it has none" : "; it has: ", list));
}

service::TappedRecord ToRecord(const arrow::RecordBatch& rows, int64_t row,
                               const contract::Contract& contract, int32_t partition,
                               bool redacted) {
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
  record.redacted = redacted;
  // What a key is made of, or bytes that nobody could read, nobody knows.
  if (keys.IsValid(row))
    record.key = std::string(redacted ? contract::kRedacted : keys.GetView(row));
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
    record.json = redacted ? batch::RedactedRowJson(contract, rows, row)
                           : batch::RowJson(contract, rows, row);
  } else if (raw.IsValid(row)) {
    record.json =
        std::string(redacted ? contract::kRedacted
                             : std::string_view(raw.GetView(row)).substr(0, kShownRawBytes));
  }
  return record;
}

}  // namespace

// A filter in terms of the bits of a batch.
struct TapHub::Subscription {
  service::TapFilter filter;
  std::optional<uint8_t> verdict;
  std::optional<int64_t> reason;
  // Under the contract of this hash, one of each of these has to be broken; of the loop's thread.
  std::optional<std::string> rules_hash;
  std::vector<size_t> rules;         // that the filter's rule is
  std::vector<size_t> column_rules;  // that are of the filter's column
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<service::TappedRecord> queue;  // guarded by mutex
  int64_t taken = 0;                        // guarded by mutex

  void Follow(const contract::Contract& contract);
  bool Takes(const arrow::RecordBatch& rows, int64_t row) const;
};

// A contract has other rules than the one before.
void TapHub::Subscription::Follow(const contract::Contract& contract) {
  if ((!filter.rule && !filter.column) || rules_hash == contract.content_hash) return;
  rules_hash = contract.content_hash;
  rules.clear();
  column_rules.clear();
  for (size_t i = 0; i < contract.rules.size(); ++i) {
    if (filter.rule == contract.rules[i].id) rules.push_back(i);
    if (filter.column == contract.rules[i].column) column_rules.push_back(i);
  }
}

bool TapHub::Subscription::Takes(const arrow::RecordBatch& rows, int64_t row) const {
  if (verdict &&
      static_cast<const arrow::UInt8Array&>(*rows.column(batch::kVerdict)).Value(row) != *verdict)
    return false;
  if (reason) {
    const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows.column(batch::kReason));
    if (reasons.IsNull(row) || reasons.GetValueIndex(row) != *reason) return false;
  }
  if (!filter.rule && !filter.column) return true;
  const auto& failed =
      static_cast<const arrow::FixedSizeBinaryArray&>(*rows.column(batch::kFailedRules));
  if (failed.IsNull(row)) return false;
  const uint8_t* bits = failed.GetValue(row);
  const auto breaks_one = [bits](const std::vector<size_t>& of) {
    return std::any_of(of.begin(), of.end(),
                       [bits](size_t rule) { return ((bits[rule / 8] >> (rule % 8)) & 1) != 0; });
  };
  return (!filter.rule || breaks_one(rules)) && (!filter.column || breaks_one(column_rules));
}

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

bool TapHub::knows_contract() const {
  const std::lock_guard lock(mutex_);
  return names_.has_value();
}

void TapHub::Learn(const contract::Contract& contract) {
  Names names;
  for (const contract::Rule& rule : contract.rules) names.rules.push_back(rule.id);
  for (const contract::Column& column : contract.columns) names.columns.push_back(column.name);
  const std::lock_guard lock(mutex_);
  names_ = std::move(names);
}

absl::Status TapHub::Check(const service::TapFilter& filter) const {
  if (!filter.rule && !filter.column) return absl::OkStatus();
  if (!names_) {
    return absl::FailedPreconditionError(
        "no contract is known here yet: ask again without a rule or column, or when a batch has "
        "come");
  }
  if (filter.rule) SLUICE_RETURN_IF_ERROR(CheckKnown("rule", *filter.rule, names_->rules));
  if (filter.column) SLUICE_RETURN_IF_ERROR(CheckKnown("column", *filter.column, names_->columns));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<service::TapStream>> TapHub::Open(const service::TapFilter& filter) {
  auto subscription = std::make_shared<Subscription>();
  subscription->filter = filter;
  if (filter.verdict) {
    if (const auto verdict = batch::ParseVerdict(*filter.verdict))
      subscription->verdict = static_cast<uint8_t>(*verdict);
  }
  if (filter.reason) {
    const auto& names = batch::kReasonNames;
    subscription->reason = std::find(names.begin(), names.end(), *filter.reason) - names.begin();
  }
  const std::lock_guard lock(mutex_);
  SLUICE_RETURN_IF_ERROR(Check(filter));
  if (subscriptions_.size() >= kMaxTaps) {
    return absl::ResourceExhaustedError(
        Concat(kMaxTaps, " taps are open here, which is as many as there may be: end one of them"));
  }
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
  if (contract.content_hash != seen_hash_) {
    Learn(contract);
    seen_hash_ = contract.content_hash;
  }
  if (listeners_.load(std::memory_order_acquire) == 0 || rows.num_rows() == 0) return;
  const bool classified = contract::HasClassified(contract);
  const std::lock_guard lock(mutex_);
  for (const auto& subscription : subscriptions_) {
    const service::TapFilter& filter = subscription->filter;
    if (filter.partition && *filter.partition != partition) continue;
    subscription->Follow(contract);
    const std::lock_guard queue_lock(subscription->mutex);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (subscription->queue.size() >= kQueuedRecords || subscription->taken >= filter.limit)
        break;
      if (!subscription->Takes(rows, row)) continue;
      subscription->queue.push_back(
          ToRecord(rows, row, contract, partition, classified && !filter.show_classified));
      ++subscription->taken;
    }
    subscription->arrived.notify_one();
  }
}

}  // namespace sluice::stage
