#include "ingest_validator/contracts_in_force.h"

#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sluice::ingest_validator {
namespace {

void LogComparison(std::string_view event, const contract::Contract& before,
                   const contract::Contract& after, const contract::Comparison& comparison) {
  log::Info(event, {{"version", after.version},
                    {"previous_version", before.version},
                    {"compatibility", comparison.name()},
                    {"changes", comparison.ToString()}});
}

}  // namespace

absl::StatusOr<bool> TakesOver(const contract::Contract& own, const batch::ContractRef& last) {
  if (last.version.empty()) return true;
  const int newer = contract::CompareVersions(own.version, last.version);
  if (newer == 0 && own.content_hash != last.content_hash) {
    return absl::FailedPreconditionError(
        Concat("the contract was changed without a new version: version ", last.version,
               " is in force with another content; raise `version`"));
  }
  return newer >= 0;
}

ContractsInForce::ContractsInForce(const stage::Context& context,
                                   std::shared_ptr<const contract::Contract> own)
    : context_(context),
      limits_(record::LimitsOf(context.pipeline)),
      own_(std::move(own)),
      store_(context.kafka, context.admin) {}

absl::Status ContractsInForce::Prepare() {
  return store_.Prepare(context_.pipeline.replication_factor);
}

absl::StatusOr<Judge*> ContractsInForce::After(const batch::ContractRef& last) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes_over, TakesOver(*own_, last));
  if (!takes_over) {
    SLUICE_ASSIGN_OR_RETURN(auto contract, store_.Find(last.content_hash));
    return JudgeBy(std::move(contract));
  }
  if (!last.version.empty() && last.content_hash != own_->content_hash) LogTakeover(last);
  // Also the one that has been in force: it may have gone from the topic with its batches.
  SLUICE_RETURN_IF_ERROR(store_.Publish(own_));
  return JudgeBy(own_);
}

Judge* ContractsInForce::NewerThan(const batch::ContractRef& in_force) {
  if (own_->content_hash == in_force.content_hash) return nullptr;
  if (contract::CompareVersions(own_->version, in_force.version) <= 0) return nullptr;
  return JudgeBy(own_);
}

absl::StatusOr<service::ReloadResult> ContractsInForce::Reload() {
  SLUICE_ASSIGN_OR_RETURN(auto contract, contract::LoadContract(context_.pipeline.contract_path));
  SLUICE_RETURN_IF_ERROR(contract::CheckPipeline(context_.pipeline, *contract));
  const int newer = contract::CompareVersions(contract->version, own_->version);
  service::ReloadResult result{contract->version, own_->version, {}};
  if (newer == 0 && contract->content_hash == own_->content_hash) return result;
  if (newer <= 0) {
    return absl::FailedPreconditionError(Concat("a changed contract needs a higher version than ",
                                                own_->version, "; the file has ",
                                                contract->version));
  }
  SLUICE_RETURN_IF_ERROR(store_.Publish(contract));
  result.comparison = contract::Compare(*own_, *contract);
  LogComparison("the contract was reloaded", *own_, *contract, result.comparison);
  own_ = std::move(contract);
  return result;
}

Judge* ContractsInForce::JudgeBy(std::shared_ptr<const contract::Contract> contract) {
  std::unique_ptr<Judge>& judge = judges_[contract->content_hash];
  if (judge == nullptr) {
    judge =
        std::make_unique<Judge>(std::move(contract), limits_, context_.pipeline.event_time_column);
  }
  return judge.get();
}

// Once for each contract, what changes from it to our newer one.
void ContractsInForce::LogTakeover(const batch::ContractRef& last) {
  if (!compared_.insert(last.content_hash).second) return;
  const auto before = store_.Find(last.content_hash);
  if (!before.ok()) {
    log::Warn("a newer contract comes into force; the one before is not there to compare it with",
              {{"version", own_->version}, {"previous_version", last.version}});
    return;
  }
  LogComparison("a newer contract comes into force", **before, *own_,
                contract::Compare(**before, *own_));
}

}  // namespace sluice::ingest_validator
