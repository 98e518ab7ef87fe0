#pragma once
// The Arrow schema of a batch: the system columns, then the contract's. The same after the
// validator and after qc.

#include <memory>

#include "arrow/type_fwd.h"
#include "contract/contract.h"

namespace sluice::batch {

/// Positions of the system columns. The contract's column i is field kSystemColumns + i.
enum SystemColumn : int {
  kOffset = 0,   ///< int64, not null: the source offset
  kTimestamp,    ///< timestamp[ms, UTC], null when the record has none: Kafka's timestamp
  kKey,          ///< binary, nullable: Kafka's key (truncated for `oversize_key`)
  kVerdict,      ///< uint8, not null: batch::Verdict
  kReason,       ///< dictionary<int8, utf8>, null when fine: batch::Reason
  kFailedRules,  ///< fixed_size_binary[ceil(rules/8)] (at least 1), null when no rule is broken:
                 ///< bit i (LSB first) = rule i
  kRaw,          ///< binary, null unless the record could not become columns: its bytes, capped
  kRawLength,    ///< int32, null with `_raw`: the length before the cap
  kRawSha256,    ///< binary (32 bytes), null with `_raw`: of the bytes before the cap
  kSystemColumns,
};

inline constexpr const char* kSystemColumnNames[kSystemColumns] = {
    "_offset",       "_timestamp", "_key",        "_verdict",   "_reason",
    "_failed_rules", "_raw",       "_raw_length", "_raw_sha256"};

/// Width of `_failed_rules` in bytes.
int FailedRulesWidth(const contract::Contract& contract);

/// Arrow type of a contract column: of an array a list, whose items may be null.
std::shared_ptr<arrow::DataType> ArrowType(const contract::Column& column);
/// The same of one value.
std::shared_ptr<arrow::DataType> ArrowType(contract::LogicalType type);

/// The whole schema. Contract columns are all nullable (rows without columns hold nulls).
std::shared_ptr<arrow::Schema> BatchSchema(const contract::Contract& contract);

/// The dictionary of `_reason`: kReasonNames in order.
std::shared_ptr<arrow::Array> ReasonDictionary();

}  // namespace sluice::batch
