#pragma once
// Which contract judges what follows a batch: the one in the log, until our file has a newer one.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "batch/coverage.h"
#include "contract/contract.h"
#include "ingest_validator/judge.h"
#include "service/pipeline_control.h"
#include "stage/context.h"
#include "stage/contract_store.h"

namespace sluice::ingest_validator {

/// Whether `own`, of our file, judges what follows a batch that was judged by `last` (without a
/// version: nothing was). kFailedPrecondition: it was changed without a new version.
absl::StatusOr<bool> TakesOver(const contract::Contract& own, const batch::ContractRef& last);

/// A judge for each contract that is, or was, in force; they stay as long as this does. One thread.
class ContractsInForce {
 public:
  /// `own`: the contract of our file; the log may be ahead of it. `context` must outlive this.
  ContractsInForce(const stage::Context& context, std::shared_ptr<const contract::Contract> own);

  /// Create the topic of contracts. Idempotent.
  absl::Status Prepare();
  /// The judge of what follows a batch that was judged by `last`. Its contract can be read by
  /// everybody.
  absl::StatusOr<Judge*> After(const batch::ContractRef& last);
  /// The judge by our file's contract if that is newer than the one in force; else null.
  Judge* NewerThan(const batch::ContractRef& in_force);
  /// Read our file again. kFailedPrecondition: it was changed without a higher version.
  absl::StatusOr<service::ReloadResult> Reload();

 private:
  Judge* JudgeBy(std::shared_ptr<const contract::Contract> contract);
  void LogTakeover(const batch::ContractRef& last);

  const stage::Context& context_;
  const record::Limits limits_;
  std::shared_ptr<const contract::Contract> own_;
  stage::ContractStore store_;
  std::map<std::string, std::unique_ptr<Judge>> judges_;  // by content hash
  std::set<std::string> compared_;  // content hashes that ours was compared with
};

}  // namespace sluice::ingest_validator
