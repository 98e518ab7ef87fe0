#pragma once
// Counts what the metrics of a contract measure, column by column.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "contract/contract.h"
#include "rules/column_loader.h"
#include "rules/program.h"
#include "rules/seen_values.h"

namespace sluice::rules {

/// Compiled once per contract; each object belongs to one thread.
class MetricCounter {
 public:
  /// `max_seen`: the different values that are remembered per window and metric.
  explicit MetricCounter(std::shared_ptr<const contract::Contract> contract,
                         int64_t max_seen = kMaxSeenValues);

  /// The batch to count in, which outlives the calls of Count. kInvalidArgument when it does not
  /// have the schema of the contract.
  absl::Status Bind(const arrow::RecordBatch& batch);
  /// Add the rows [begin, end) of the batch to what `window` has counted, which has seen `memory`.
  /// A row has columns when it is valid (judged or not).
  void Count(int64_t begin, int64_t end, batch::Window* window, WindowMemory* memory);
  /// Add each row of the batch to the one of `windows`, with the memory at the same index, that
  /// `indices` has for it; none: kNoWindow.
  static constexpr uint32_t kNoWindow = UINT32_MAX;
  void Count(const std::vector<uint32_t>& indices, std::vector<batch::Window>* windows,
             std::vector<WindowMemory>* memories);

  const contract::Contract& contract() const { return *contract_; }

 private:
  /// Which rows of a chunk a metric counts: those with columns that break `program`, those that
  /// repeat values of `keys`, or (neither) all.
  struct Measure {
    std::optional<Program> program;
    std::optional<ValueKeys> keys;
    size_t memory = 0;  // of the keys: index into WindowMemory::metrics
  };
  void CountChunk(int64_t begin, int rows, batch::Window* window, WindowMemory* memory);
  void CountChunk(int64_t begin, int rows, const uint32_t* indices,
                  std::vector<batch::Window>* windows, std::vector<WindowMemory>* memories);
  void Prepare(WindowMemory* memory) const { memory->metrics.resize(comparisons_); }
  template <typename MemoryOf>
  int MarkRepeats(Measure* measure, int rows, MemoryOf memory_of);

  std::shared_ptr<const contract::Contract> contract_;
  int64_t max_seen_;
  ColumnLoader loader_;
  Registers registers_;
  std::vector<Measure> measures_;  // in the order of the metrics
  size_t comparisons_ = 0;
  const uint8_t* verdicts_ = nullptr;
  // One per row of the chunk.
  std::vector<uint8_t> has_columns_;
  std::vector<uint8_t> counted_;
  std::vector<absl::uint128> keys_;
};

}  // namespace sluice::rules
