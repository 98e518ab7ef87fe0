#include "producer_simulator/publisher.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sluice/admin/v1/simulator.pb.h"

namespace sluice::producer_simulator {
namespace {

constexpr size_t kMaxIdBytes = 128;
// What Kafka adds to key, value and headers, with room to spare.
constexpr size_t kRecordOverhead = 512;

bool IsUsableId(const std::string& id) {
  return id.size() <= kMaxIdBytes &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

admin::v1::PublishedRecord ToProto(OutsideRecord record) {
  admin::v1::PublishedRecord proto;
  if (record.key.has_value()) proto.set_key(*std::move(record.key));
  if (record.value.has_value()) proto.set_value(*std::move(record.value));
  if (record.partition.has_value()) proto.set_partition(*record.partition);
  proto.set_id(std::move(record.id));
  for (auto& [name, value] : record.headers) (*proto.mutable_headers())[name] = std::move(value);
  return proto;
}

}  // namespace

void Publisher::Open(const std::string& run_id, int32_t partitions, int64_t max_message_bytes) {
  std::lock_guard lock(mutex_);
  run_id_ = run_id;
  partitions_ = partitions;
  max_message_bytes_ = max_message_bytes;
}

absl::Status Publisher::RememberSpooled() {
  std::lock_guard lock(mutex_);
  Spool::Position at = spool_->Begin();
  std::string payload;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool found, spool_->Read(&at, &payload));
    if (!found) return absl::OkStatus();
    admin::v1::PublishedRecord record;
    if (record.ParseFromString(payload) && !record.id().empty()) Remember(record.id());
  }
}

void Publisher::Remember(const std::string& id) {
  if (!known_.insert(id).second) return;
  known_order_.push_back(id);
  if (known_order_.size() <= kRememberedIds) return;
  known_.erase(known_order_.front());
  known_order_.pop_front();
}

absl::Status Publisher::Check(const OutsideRecord& record) const {
  size_t bytes = kRecordOverhead + record.id.size();
  if (record.key.has_value()) bytes += record.key->size();
  if (record.value.has_value()) bytes += record.value->size();
  for (const auto& [name, value] : record.headers) {
    bytes += name.size() + value.size() + 16;
    if (name == "sluice-record-id" || name == "sluice-planned-at") {
      return absl::InvalidArgumentError(Concat("the header ", name, " is set by the simulator"));
    }
  }
  if (static_cast<int64_t>(bytes) > max_message_bytes_) {
    return absl::InvalidArgumentError(Concat(
        "a record of ", bytes, " bytes is larger than the topic takes (max.message.bytes is ",
        max_message_bytes_, ")"));
  }
  if (record.partition.has_value() && (*record.partition < 0 || *record.partition >= partitions_)) {
    return absl::InvalidArgumentError(
        Concat("there is no partition ", *record.partition, ": the topic has ", partitions_));
  }
  if (!IsUsableId(record.id) || record.id.rfind(run_id_ + "-", 0) == 0) {
    return absl::InvalidArgumentError(
        "an id has 1 to 128 printable ASCII characters without spaces and does not begin with the "
        "run's own prefix");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Publisher::Publish(std::vector<OutsideRecord> records) {
  if (records.empty() || records.size() > kMaxRecords) {
    return absl::InvalidArgumentError(Concat("a call has 1 to ", kMaxRecords, " records"));
  }
  std::vector<std::string> ids;       // of all, in order; empty: to be made
  std::vector<std::string> payloads;  // of those that are new
  std::vector<size_t> new_places;     // of the payloads, in ids
  absl::flat_hash_set<std::string> claimed;
  std::string run_id;
  {
    std::lock_guard lock(mutex_);
    if (run_id_.empty())
      return absl::UnavailableError("starting: the topic is not known yet; retry later");
    run_id = run_id_;
    absl::Status status;
    for (OutsideRecord& record : records) {
      if (status = Check(record); !status.ok()) break;
      ids.push_back(record.id);
      if (!record.id.empty()) {
        if (known_.contains(record.id) || claimed.contains(record.id)) continue;
        if (!storing_.insert(record.id).second) {
          status =
              absl::UnavailableError(Concat("the id ", record.id, " is just being stored; retry"));
          break;
        }
        claimed.insert(record.id);
      }
      new_places.push_back(ids.size() - 1);
      payloads.push_back(ToProto(std::move(record)).SerializeAsString());
    }
    if (!status.ok()) {
      for (const std::string& id : claimed) storing_.erase(id);
      return status;
    }
  }
  absl::StatusOr<int64_t> first = int64_t{0};
  if (!payloads.empty()) first = spool_->Append(payloads);
  std::lock_guard lock(mutex_);
  for (const std::string& id : claimed) storing_.erase(id);
  if (!first.ok()) return first.status();
  for (const std::string& id : claimed) Remember(id);
  accepted_.Increment(static_cast<int64_t>(payloads.size()));
  for (size_t i = 0; i < new_places.size(); ++i) {
    std::string& id = ids[new_places[i]];
    if (id.empty()) id = Concat(run_id, "-p", *first + static_cast<int64_t>(i));
  }
  return ids;
}

}  // namespace sluice::producer_simulator
