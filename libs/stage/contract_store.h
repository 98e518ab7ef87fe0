#pragma once
// The bodies of contracts, by content hash, in the compacted topic `sluice.contracts`. A batch
// names its contract; every reader judges by that one, not by a file of its own.

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "contract/contract.h"
#include "kafka/admin.h"
#include "kafka/producer.h"

namespace sluice::stage {

/// One thread. Caches what it has seen: contracts are few and immutable.
class ContractStore {
 public:
  static constexpr char kTopic[] = "sluice.contracts";

  /// `admin` must outlive the store.
  ContractStore(kafka::ClientConfig config, kafka::Admin* admin);

  /// Create the topic. Idempotent.
  absl::Status Prepare(int replication_factor);
  /// Make `contract` readable for everybody, and wait until it is stored.
  absl::Status Publish(std::shared_ptr<const contract::Contract> contract);
  /// The contract with that content hash. kUnavailable when it is not in the topic (yet).
  absl::StatusOr<std::shared_ptr<const contract::Contract>> Find(const std::string& content_hash);

 private:
  absl::Status ReadOn();

  kafka::ClientConfig config_;
  kafka::Admin* admin_;
  kafka::Offset read_to_ = 0;
  std::map<std::string, std::shared_ptr<const contract::Contract>> contracts_;
};

}  // namespace sluice::stage
