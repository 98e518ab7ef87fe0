#include "producer_simulator/delivery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {
namespace {

constexpr size_t kMaxWindow = 300'000;
constexpr size_t kChunkRecords = 50'000;
constexpr absl::Duration kChunkAge = absl::Milliseconds(500);
constexpr int kRecordsPerStep = 2000;

std::string Timestamp() {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Delivery>> Delivery::Open(const DeliveryContext& context,
                                                         const std::function<bool()>& go_on) {
  std::unique_ptr<Delivery> delivery(new Delivery(context));
  if (!context.truth_path.empty()) {
    SLUICE_ASSIGN_OR_RETURN(delivery->truth_,
                            TruthFile::Open(context.truth_path, context.checkpoint->truth_bytes));
  }
  SLUICE_ASSIGN_OR_RETURN(delivery->producer_, context.topic->MakeProducer());
  SLUICE_RETURN_IF_ERROR(delivery->ReadBackIfNeeded(go_on));
  SLUICE_ASSIGN_OR_RETURN(delivery->ends_, context.topic->Ends());
  delivery->partitions_ = static_cast<int32_t>(delivery->ends_.size());
  if (context.checkpoint->clean) {
    // From here on something may be in the topic that no checkpoint knows of.
    context.checkpoint->clean = false;
    context.checkpoint->read_back_from = delivery->ends_;
    SLUICE_RETURN_IF_ERROR(StoreCheckpoint(context.checkpoint_path, *context.checkpoint));
  }
  if (context.main != nullptr)
    SLUICE_RETURN_IF_ERROR(context.main->Rewind(context.checkpoint->main));
  SLUICE_RETURN_IF_ERROR(context.published->Rewind(context.checkpoint->published));
  return delivery;
}

absl::Status Delivery::ReadBackIfNeeded(const std::function<bool()>& go_on) {
  const Checkpoint& checkpoint = *context_.checkpoint;
  if (checkpoint.clean) return absl::OkStatus();
  ReadBackRequest request;
  request.from = checkpoint.read_back_from;
  // Records from outside may bring their own ids, so all ids are kept; what the checkpoint covers
  // is mostly behind `read_back_from`.
  const std::string prefix =
      context_.main == nullptr
          ? ""
          : Concat(checkpoint.run_id, "-", std::string(1, context_.main->letter()));
  request.ours = [&](const std::string& id) {
    int64_t number = 0;
    if (prefix.empty() || id.compare(0, prefix.size(), prefix) != 0 ||
        !absl::SimpleAtoi(id.substr(prefix.size()), &number)) {
      return true;
    }
    if (number < checkpoint.main.record) return false;
    found_until_ = std::max(found_until_, number + 1);
    return true;
  };
  request.go_on = go_on;
  SLUICE_ASSIGN_OR_RETURN(found_, context_.topic->ReadBack(request));
  log::Info("topic read back", {{"topic", checkpoint.topic},
                                {"found", found_.size()},
                                {"from_record", checkpoint.main.record}});
  return absl::OkStatus();
}

absl::Status Delivery::Step(absl::Time now, bool generate) {
  SLUICE_RETURN_IF_ERROR(TakeAcknowledgements());
  SLUICE_RETURN_IF_ERROR(CloseAndCommit(now, generate));
  return SendSome(now, generate);
}

absl::Status Delivery::TakeAcknowledgements() {
  acknowledgements_.clear();
  producer_->Poll(absl::ZeroDuration(), &acknowledgements_);
  absl::Status unknown;
  for (const kafka::Delivery& acknowledgement : acknowledgements_) {
    const absl::Status& status = acknowledgement.status;
    if (status.ok()) {
      const int32_t partition = acknowledgement.partition.partition;
      window_.Deliver(acknowledgement.token, partition, acknowledgement.offset);
      int64_t& end = ends_[partition];
      end = std::max(end, acknowledgement.offset + 1);
    } else if (absl::IsOutOfRange(status) || absl::IsInvalidArgument(status)) {
      Refuse(acknowledgement.token, status);
    } else {
      unknown = absl::UnavailableError(status.message());
    }
  }
  if (!acknowledgements_.empty()) SLUICE_FAULT_POINT("simulator.acknowledged");
  return unknown;
}

void Delivery::Refuse(uint64_t token, const absl::Status& why) {
  std::string line = Concat("{\"ts\":\"", Timestamp(), "\",\"event\":\"rejected\",\"record_id\":");
  AppendJsonString(IdOf(window_.Reject(token)), &line);
  line += ",\"error\":";
  AppendJsonString(StdView(why.message()), &line);
  line += '}';
  context_.failures->Write(line);
}

std::string Delivery::IdOf(const SentRecord& sent) const {
  if (!sent.id.empty()) return sent.id;
  const RecordSource* source = sent.lane == Lane::kMain ? context_.main : context_.published;
  std::string id = context_.checkpoint->run_id;
  id.push_back('-');
  id.push_back(source->letter());
  AppendInteger(sent.number, &id);
  return id;
}

ChunkEnd Delivery::EndNow() const {
  ChunkEnd end;
  if (context_.main != nullptr) end.main = context_.main->position();
  end.published = context_.published->position();
  // What was found behind today's ends, and has not come by again, must be found again after a
  // crash.
  end.read_back_from = found_.empty() ? ends_ : context_.checkpoint->read_back_from;
  return end;
}

void Delivery::ForgetFound() {
  const bool main_passed =
      context_.main == nullptr || context_.main->position().record >= found_until_;
  if (main_passed && published_passed_) found_.clear();
}

bool Delivery::MainHasMore(bool generate) const {
  return generate && context_.main != nullptr && !context_.main->exhausted();
}

absl::Status Delivery::CloseAndCommit(absl::Time now, bool generate) {
  // A record that was taken from its source and not sent belongs to no chunk yet.
  if (!pending_ && window_.back_size() > 0 &&
      (window_.back_size() >= kChunkRecords || now - chunk_begun_ >= kChunkAge ||
       !MainHasMore(generate))) {
    if (!found_.empty()) ForgetFound();
    window_.Close(EndNow());
  }
  // Done chunks that wait together are one checkpoint.
  bool committed = false;
  while (const DeliveryWindow::Chunk* chunk = window_.Done()) {
    Commit(*chunk);
    window_.PopDone();
    committed = true;
  }
  if (!committed) return absl::OkStatus();
  if (truth_ != nullptr) {
    SLUICE_RETURN_IF_ERROR(truth_->Flush());
    SLUICE_FAULT_POINT("simulator.truth_stored");
    context_.checkpoint->truth_bytes = truth_->bytes();
  }
  SLUICE_RETURN_IF_ERROR(StoreCheckpoint(context_.checkpoint_path, *context_.checkpoint));
  SLUICE_FAULT_POINT("simulator.checkpoint_stored");
  context_.published->Release(context_.checkpoint->published);
  return absl::OkStatus();
}

void Delivery::Commit(const DeliveryWindow::Chunk& chunk) {
  Checkpoint& checkpoint = *context_.checkpoint;
  struct Range {
    int64_t records = 0, first = INT64_MAX, last = -1;
  };
  std::map<int32_t, Range> ranges;
  for (const SentRecord& record : chunk.records) {
    if (record.state == SentRecord::State::kRejected) {
      ++checkpoint.rejected;
      continue;
    }
    ++(record.lane == Lane::kMain ? checkpoint.delivered : checkpoint.delivered_published);
    Range& range = ranges[record.partition];
    ++range.records;
    range.first = std::min(range.first, record.offset);
    range.last = std::max(range.last, record.offset);
    if (record.expectation == nullptr) continue;
    if (record.expectation->fault != Fault::kNone) {
      ++checkpoint.delivered_faults[std::string(Describe(record.expectation->fault).label)];
    }
    if (truth_ != nullptr) {
      truth_->Add(record.partition, record.offset, IdOf(record), *record.expectation);
    }
  }
  checkpoint.main = chunk.end.main;
  checkpoint.published = chunk.end.published;
  checkpoint.read_back_from = chunk.end.read_back_from;
  const std::string timestamp = Timestamp();
  for (const auto& [partition, range] : ranges) {
    context_.successes->Write(
        Concat("{\"ts\":\"", timestamp, "\",\"event\":\"delivered\",\"partition\":", partition,
               ",\"records\":", range.records, ",\"first_offset\":", range.first,
               ",\"last_offset\":", range.last, "}"));
  }
  context_.on_done(chunk);
}

absl::Status Delivery::SendSome(absl::Time now, bool generate) {
  for (int i = 0; i < kRecordsPerStep && window_.size() < kMaxWindow; ++i) {
    if (!pending_) {
      SLUICE_ASSIGN_OR_RETURN(pending_, NextRecord(now, generate));
      if (!pending_) return absl::OkStatus();
    }
    SLUICE_ASSIGN_OR_RETURN(const bool sent, SendRecord(now));
    if (!sent) return absl::OkStatus();
    pending_ = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Delivery::NextRecord(absl::Time now, bool generate) {
  record_.Clear();
  planned_.reset();
  sent_ = SentRecord();
  // Records from outside come first: somebody waits for them.
  sent_.lane = Lane::kPublished;
  sent_.number = context_.published->position().record;
  SLUICE_ASSIGN_OR_RETURN(bool found, context_.published->Next(&record_));
  published_idle_ = !found;
  if (found) {
    sent_.id = record_.id;
    return true;
  }
  published_passed_ = true;
  if (!MainHasMore(generate)) return false;
  const std::optional<Pacer::Slot> slot = context_.pacer->Take(now);
  if (!slot.has_value()) return false;
  planned_ = slot->planned;
  sent_.lane = Lane::kMain;
  sent_.number = context_.main->position().record;
  SLUICE_ASSIGN_OR_RETURN(found, context_.main->Next(&record_));
  sent_.expectation = record_.expectation;
  return found;
}

// -1: by the key.
int32_t Delivery::PartitionOfRecord() const {
  if (record_.partition >= 0) return record_.partition;
  const bool evenly = !record_.has_key || (context_.spread_evenly && sent_.lane == Lane::kMain);
  return evenly ? static_cast<int32_t>(sent_.number % partitions_) : -1;
}

absl::StatusOr<bool> Delivery::SendRecord(absl::Time now) {
  std::string id = IdOf(sent_);
  if (window_.back_size() == 0) chunk_begun_ = now;
  if (!found_.empty()) {
    if (const auto found = found_.find(id); found != found_.end()) {
      window_.Deliver(window_.Add(sent_), found->second.partition, found->second.offset);
      found_.erase(found);
      return true;
    }
  }
  kafka::OutgoingRecord out;
  out.partition = {context_.checkpoint->topic, PartitionOfRecord()};
  if (record_.has_key) out.key = record_.key;
  if (record_.has_value) out.value = arena_.Copy(record_.value);
  out.timestamp_ms = record_.timestamp_ms;
  out.headers = record_.headers;
  out.headers.emplace_back("sluice-record-id", std::move(id));
  if (planned_.has_value()) {
    out.headers.emplace_back("sluice-planned-at", absl::StrCat(absl::ToUnixMillis(*planned_)));
  }
  const absl::Status status = producer_->Send(std::move(out), window_.next_token());
  if (absl::IsUnavailable(status)) return false;
  if (absl::IsOutOfRange(status) || absl::IsInvalidArgument(status)) {
    Refuse(window_.Add(sent_), status);
    return true;
  }
  if (!status.ok()) return absl::UnavailableError(status.message());
  SLUICE_FAULT_POINT("simulator.sent");
  window_.Add(sent_);
  return true;
}

absl::Time Delivery::NextStep(absl::Time now, bool generate) const {
  absl::Time next = now + absl::Milliseconds(500);
  if (window_.back_size() > 0) next = std::min(next, chunk_begun_ + kChunkAge);
  if (pending_ || window_.size() >= kMaxWindow) return next;  // acknowledgements wake us
  if (!published_idle_) return now;
  if (MainHasMore(generate)) next = std::min(next, context_.pacer->NextDue());
  return next;
}

bool Delivery::Settled(bool generate) const {
  return window_.size() == 0 && !pending_ && published_idle_ && !MainHasMore(generate);
}

absl::Status Delivery::StoreClean() {
  // What was found and has not come by again would not be found behind today's ends.
  if (window_.size() > 0 || pending_ || !found_.empty()) return absl::OkStatus();
  Checkpoint& checkpoint = *context_.checkpoint;
  checkpoint.clean = true;
  checkpoint.read_back_from = ends_;
  return StoreCheckpoint(context_.checkpoint_path, checkpoint);
}

int64_t Delivery::main_fixed_until() const {
  return context_.main == nullptr ? 0 : std::max(found_until_, context_.main->position().record);
}

}  // namespace sluice::producer_simulator
