#pragma once
// What judges records by one contract.

#include <memory>
#include <string>

#include "batch/coverage.h"
#include "batch/wire.h"
#include "contract/contract.h"
#include "record/record_parser.h"

namespace sluice::ingest_validator {

/// Shared by the partitions where the contract is in force. One thread.
struct Judge {
  /// `column_name`: the pipeline's column of event time, which this contract may not have.
  Judge(std::shared_ptr<const contract::Contract> contract, const record::Limits& limits,
        const std::string& column_name)
      : parser(contract, limits),
        encoder(contract),
        event_time_column(contract->FindColumn(column_name)),
        ref{contract->version, contract->content_hash} {}

  const std::shared_ptr<const contract::Contract>& contract() const {
    return encoder.shared_contract();
  }

  record::RecordParser parser;
  batch::Encoder encoder;
  const int event_time_column;  ///< -1: the contract has none
  const batch::ContractRef ref;
};

}  // namespace sluice::ingest_validator
