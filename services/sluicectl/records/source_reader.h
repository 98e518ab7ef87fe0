#pragma once
// A partition of the source topic from some offset to its end.

#include <cstddef>

#include "absl/status/statusor.h"
#include "sluicectl/records/log_reader.h"
#include "sluicectl/records/streams.h"

namespace sluice::sluicectl {

class SourceReader : public Stream<SourceRecord> {
 public:
  /// As LogReader.
  SourceReader(kafka::Admin* admin, kafka::TopicPartition partition, kafka::Offset from);

  absl::StatusOr<const SourceRecord*> Peek() override;
  void Pop() override { held_ = false; }

 private:
  LogReader log_;
  SourceRecord record_;
  bool held_ = false;  // record_ is the next one
  bool ended_ = false;
};

}  // namespace sluice::sluicectl
