#include "stage/contract_store.h"

#include "base/status.h"
#include "stage/topics.h"

namespace sluice::stage {

ContractStore::ContractStore(kafka::ClientConfig config, kafka::Admin* admin)
    : config_(std::move(config)), admin_(admin) {}

absl::Status ContractStore::Prepare(int replication_factor) {
  return admin_->CreateTopic(kTopic, 1, replication_factor, {{"cleanup.policy", "compact"}},
                             kRequestTimeout);
}

absl::Status ContractStore::Publish(std::shared_ptr<const contract::Contract> contract) {
  if (Find(contract->content_hash).ok()) return absl::OkStatus();
  kafka::OutgoingRecord record;
  record.partition = {kTopic, 0};
  record.key = contract->content_hash;
  record.value = kafka::Payload{contract->body, contract};
  SLUICE_RETURN_IF_ERROR(Annotate(kafka::SendOne(config_, std::move(record), kRequestTimeout),
                                  "the contract could not be stored"));
  contracts_[contract->content_hash] = std::move(contract);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const contract::Contract>> ContractStore::Find(
    const std::string& content_hash) {
  if (!contracts_.contains(content_hash)) SLUICE_RETURN_IF_ERROR(ReadOn());
  if (!contracts_.contains(content_hash)) {
    read_to_ = 0;  // a topic that was deleted begins again
    SLUICE_RETURN_IF_ERROR(ReadOn());
  }
  const auto found = contracts_.find(content_hash);
  if (found == contracts_.end()) {
    return absl::UnavailableError(
        Concat("contract is not in topic ", kTopic, ": hash=", content_hash));
  }
  return found->second;
}

absl::Status ContractStore::ReadOn() {
  constexpr size_t kAtOnce = 100;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(std::vector<kafka::Message> messages,
                            admin_->Read({kTopic, 0}, read_to_, kAtOnce, kRequestTimeout));
    if (messages.empty()) return absl::OkStatus();
    for (const kafka::Message& message : messages) {
      read_to_ = message.offset() + 1;
      if (!message.key() || !message.value()) continue;
      auto contract =
          contract::ParseContract(*message.value(), Concat(kTopic, "/", *message.key()));
      // Whatever is not a contract under its own hash is nobody's contract.
      if (contract.ok() && (*contract)->content_hash == *message.key()) {
        contracts_[(*contract)->content_hash] = *std::move(contract);
      }
    }
  }
}

}  // namespace sluice::stage
