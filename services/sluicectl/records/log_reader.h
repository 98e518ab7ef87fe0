#pragma once
// The messages of a partition from some offset on, read committed, in chunks of bounded size.

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "kafka/admin.h"

namespace sluice::sluicectl {

class LogReader {
 public:
  /// `admin` outlives the reader, and nobody else uses it meanwhile. `chunk_bytes`: about how much
  /// is held at once; more only when the messages suddenly become larger.
  LogReader(kafka::Admin* admin, kafka::TopicPartition partition, kafka::Offset from,
            size_t chunk_bytes)
      : admin_(admin), partition_(std::move(partition)), from_(from), chunk_bytes_(chunk_bytes) {}

  /// The next message; null at the end of the log, which may have grown when it is asked again.
  absl::StatusOr<const kafka::Message*> Peek();
  /// After a Peek that was not null.
  void Pop() { ++at_; }

 private:
  absl::Status Fetch();

  kafka::Admin* admin_;
  kafka::TopicPartition partition_;
  kafka::Offset from_;
  size_t chunk_bytes_;
  size_t chunk_messages_ = 16;
  std::vector<kafka::Message> chunk_;
  size_t at_ = 0;
};

}  // namespace sluice::sluicectl
