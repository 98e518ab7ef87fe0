#include "producer_simulator/spool_source.h"

#include "base/status.h"
#include "base/strings.h"
#include "sluice/admin/v1/simulator.pb.h"

namespace sluice::producer_simulator {

absl::StatusOr<bool> SpoolSource::Next(Record* record) {
  SLUICE_ASSIGN_OR_RETURN(const bool found, spool_->Read(&at_, &payload_));
  if (!found) return false;
  admin::v1::PublishedRecord published;
  if (!published.ParseFromString(payload_)) {
    return absl::DataLossError(Concat("record ", at_.record - 1, " of the spool cannot be read"));
  }
  record->id = published.id();
  record->has_key = published.has_key();
  record->key = published.key();
  record->has_value = published.has_value();
  record->value = std::move(*published.mutable_value());
  record->partition = published.has_partition() ? published.partition() : -1;
  for (auto& [name, value] : *published.mutable_headers())
    record->headers.emplace_back(name, value);
  return true;
}

absl::Status SpoolSource::Rewind(const SourcePosition& position) {
  at_ = {position.record, position.segment, position.byte};
  const Spool::Position begin = spool_->Begin();
  if (position.record > spool_->next_record()) {
    return absl::FailedPreconditionError(
        Concat("the spool has fewer records than were delivered from it (", position.record,
               "): it is not the one that belongs to this data directory"));
  }
  // A checkpoint that knows of nothing yet, or of a segment that is gone because all of it has
  // arrived.
  if (at_.segment < begin.segment) at_ = begin;
  return absl::OkStatus();
}

void SpoolSource::Release(const SourcePosition& position) {
  spool_->Release({position.record, position.segment, position.byte});
}

}  // namespace sluice::producer_simulator
