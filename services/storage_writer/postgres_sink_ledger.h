#pragma once
// The last statement of a commit: the ledger's rows, and the compare-and-set of the coverage rows.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "postgres/connection.h"
#include "storage_writer/postgres_sink_batch.h"
#include "storage_writer/postgres_sink_transaction.h"

namespace sluice::storage_writer {

/// A partition this sink holds.
struct HeldPartition {
  std::string topic;
  int64_t epoch = 0;
  std::optional<batch::Offset> next;  ///< committed; null: no position yet
  batch::Offset appended = 0;  ///< behind the last appended batch; meaningless while `next` is null
                               ///< and nothing is appended
  bool has_appended = false;   ///< since the last commit
  std::string topic_id;
};

/// Write the ledger and move the coverage of all partitions in `pending`, in (topic, partition)
/// order. kAborted: a partition has another owner or another position: nothing may be committed.
absl::Status Account(postgres::Connection& connection, const RowOrigin& origin,
                     const std::string& instance, const std::map<int32_t, HeldPartition>& held,
                     const std::vector<PendingBatch>& pending);

}  // namespace sluice::storage_writer
