#pragma once
// Counts what the metrics of a contract measure, column by column.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"
#include "rules/column_loader.h"
#include "rules/program.h"

namespace sluice::rules {

/// Compiled once per contract; each object belongs to one thread.
class MetricCounter {
 public:
  explicit MetricCounter(std::shared_ptr<const contract::Contract> contract);

  /// The batch to count in, which outlives the calls of Count. kInvalidArgument when it does not
  /// have the schema of the contract.
  absl::Status Bind(const arrow::RecordBatch& batch);
  /// Add the rows [begin, end) of the batch to what `window` has counted. A row has columns when it
  /// is valid (judged or not).
  void Count(int64_t begin, int64_t end, batch::Window* window);
  /// Add each row of the batch to the one of `windows` that `indices` has for it; none: kNoWindow.
  static constexpr uint32_t kNoWindow = UINT32_MAX;
  void Count(const std::vector<uint32_t>& indices, std::vector<batch::Window>* windows);

  const contract::Contract& contract() const { return *contract_; }

 private:
  void CountChunk(int64_t begin, int rows, batch::Window* window);
  void CountChunk(int64_t begin, int rows, const uint32_t* indices,
                  std::vector<batch::Window>* windows);

  std::shared_ptr<const contract::Contract> contract_;
  ColumnLoader loader_;
  Registers registers_;
  std::vector<Program> programs_;  // of the metrics that have a predicate, in their order
  const uint8_t* verdicts_ = nullptr;
  // One byte per row of the chunk.
  std::vector<uint8_t> has_columns_;
  std::vector<uint8_t> counted_;
};

}  // namespace sluice::rules
