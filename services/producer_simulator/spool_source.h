#pragma once
// The records of the spool as a source. A payload is a serialized sluice.admin.v1.PublishedRecord.

#include "producer_simulator/record_source.h"
#include "producer_simulator/spool.h"

namespace sluice::producer_simulator {

class SpoolSource : public RecordSource {
 public:
  explicit SpoolSource(Spool* spool) : spool_(spool), at_(spool->Begin()) {}

  absl::StatusOr<bool> Next(Record* record) override;
  SourcePosition position() const override { return {at_.record, at_.segment, at_.byte}; }
  absl::Status Rewind(const SourcePosition& position) override;
  void Release(const SourcePosition& position) override;
  bool exhausted() const override { return false; }
  char letter() const override { return 'p'; }

 private:
  Spool* const spool_;
  Spool::Position at_;
  std::string payload_;
};

}  // namespace sluice::producer_simulator
