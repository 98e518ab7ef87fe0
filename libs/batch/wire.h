#pragma once
// The batch on the wire: FORMAT.md says it byte by byte.

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"

namespace sluice::batch {

/// The Kafka header that makes a message a batch.
inline constexpr char kCoverageHeader[] = "sluice-coverage";

std::string EncodeCoverage(const Coverage& coverage);
/// kInvalidArgument when the bytes are no coverage, or one that contradicts itself.
absl::StatusOr<Coverage> DecodeCoverage(std::string_view bytes);

/// Writes batches of one contract. One thread. Schema and dictionary are serialised once.
class Encoder {
 public:
  explicit Encoder(std::shared_ptr<const contract::Contract> contract);
  ~Encoder();
  /// A complete Arrow IPC stream: schema, dictionary, one record batch, end. `rows` has
  /// BatchSchema(*contract).
  absl::StatusOr<std::shared_ptr<arrow::Buffer>> Encode(const arrow::RecordBatch& rows);
  /// The same without rows.
  absl::StatusOr<std::shared_ptr<arrow::Buffer>> EncodeEmpty();
  const std::shared_ptr<arrow::Schema>& schema() const;
  const contract::Contract& contract() const { return *contract_; }
  const std::shared_ptr<const contract::Contract>& shared_contract() const { return contract_; }

 private:
  friend class Decoder;
  struct State;
  std::shared_ptr<const contract::Contract> contract_;  // shared with every batch judged by it
  std::unique_ptr<State> state_;
};

/// Reads batches of one contract. One thread.
class Decoder {
 public:
  explicit Decoder(std::shared_ptr<const contract::Contract> contract);
  ~Decoder();
  /// The rows of a message; they refer to `bytes`, which `owner` keeps alive. kInvalidArgument when
  /// the bytes are not a batch of this contract, or when the rows contradict `coverage` (offsets
  /// outside its range or out of order, other counts). Any bytes are accepted as input.
  absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> Decode(std::string_view bytes,
                                                             std::shared_ptr<const void> owner,
                                                             const Coverage& coverage);
  const contract::Contract& contract() const { return *encoder_.contract_; }
  const std::shared_ptr<const contract::Contract>& shared_contract() const {
    return encoder_.contract_;
  }

  /// Drop the rows with `_offset` < `next` (law 3) and make `coverage` say so. The result starts at
  /// array offset 0.
  absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> Trim(const arrow::RecordBatch& rows,
                                                           Offset next, Coverage* coverage);

 private:
  Encoder encoder_;  // the prefix to compare with, and re-encoding for Trim
};

/// Records per verdict: rows with the same `_offset` are one record.
Counts CountVerdicts(const arrow::RecordBatch& rows);

}  // namespace sluice::batch
