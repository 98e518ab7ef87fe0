#pragma once
// A partition of the source topic from some offset to its end, read committed, in chunks of bounded
// size.

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "kafka/admin.h"
#include "sluicectl/streams.h"

namespace sluice::sluicectl {

class SourceReader : public Stream<SourceRecord> {
 public:
  /// `admin` outlives the reader, and nobody else uses it meanwhile.
  SourceReader(kafka::Admin* admin, kafka::TopicPartition partition, kafka::Offset from)
      : admin_(admin), partition_(std::move(partition)), from_(from) {}

  absl::StatusOr<const SourceRecord*> Peek() override;
  void Pop() override { ++at_; }

 private:
  absl::Status Fetch();

  kafka::Admin* admin_;
  const kafka::TopicPartition partition_;
  kafka::Offset from_;
  size_t chunk_records_ = 1000;
  bool ended_ = false;
  std::vector<SourceRecord> chunk_;
  size_t at_ = 0;
};

}  // namespace sluice::sluicectl
