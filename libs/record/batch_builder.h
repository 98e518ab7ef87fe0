#pragma once
// Collects the rows of one partition and turns them into an Arrow batch of batch::BatchSchema. One
// per partition, used by one thread at a time; its memory is kept from batch to batch and bounded
// by the largest batch. RecordParser is what appends to it; the owner asks for rows() and bytes()
// and calls Finish when a batch is due.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "arrow/type_fwd.h"
#include "batch/coverage.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "record/column_buffer.h"

namespace sluice::record {

/// What a row has besides its value. The key is borrowed until the row is appended.
struct RecordHead {
  int64_t offset = 0;
  std::optional<int64_t> timestamp_ms;
  std::optional<std::string_view> key;
};

/// The value of a record that could not become columns.
struct RawValue {
  std::string_view bytes;            ///< the first of them, at most the cap
  int32_t length = 0;                ///< of all of them
  std::array<uint8_t, 32> sha256{};  ///< of all of them
};

class BatchBuilder {
 public:
  /// The owner finishes a batch before bytes() reaches this, less one record: string offsets are 32
  /// bits wide.
  static constexpr int64_t kMaxBytes = int64_t{1} << 30;

  explicit BatchBuilder(std::shared_ptr<const contract::Contract> contract);

  const contract::Contract& contract() const { return *contract_; }
  int64_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  /// About the size of the batch on the wire.
  int64_t bytes() const { return bytes_; }
  /// Records per verdict.
  const batch::Counts& counts() const { return counts_; }

  /// A row with columns (verdict `valid`). `cells`: one per contract column, in order.
  void AppendValid(const RecordHead& head, absl::Span<const Cell> cells);
  /// A row without columns. `raw`: null for a record without a value.
  void AppendWithoutColumns(const RecordHead& head, batch::Verdict verdict,
                            std::optional<batch::Reason> reason, const RawValue* raw);

  /// The rows so far, in buffers of exactly their size; the builder is empty afterwards.
  std::shared_ptr<arrow::RecordBatch> Finish();
  /// Forget the rows.
  void Clear();

 private:
  // Only rows without columns have a reason and raw bytes: they are kept apart and spread out by
  // Finish.
  struct Exception {
    int32_t row;
    std::optional<batch::Reason> reason;
    bool has_raw;
    int32_t raw_bytes;  // how many of `raw_` are this row's
    int32_t raw_length;
    std::array<uint8_t, 32> sha256;
  };

  void AppendHead(const RecordHead& head, batch::Verdict verdict);
  int64_t FinishedBytes() const;
  std::shared_ptr<arrow::ArrayData> FinishReason(Carver* carver) const;
  std::shared_ptr<arrow::ArrayData> FinishFailedRules(Carver* carver) const;
  void FinishRaw(Carver* carver, std::vector<std::shared_ptr<arrow::ArrayData>>* columns) const;

  std::shared_ptr<const contract::Contract> contract_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::ArrayData> reasons_;
  int64_t failed_rules_width_;
  int64_t row_bytes_;  // of a row without its strings

  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  batch::Counts counts_{};
  ColumnBuffer offsets_;
  ColumnBuffer timestamps_;
  ColumnBuffer keys_;
  Growable<uint8_t> verdicts_;
  std::vector<Exception> exceptions_;
  Growable<uint8_t> raw_;
  std::vector<ColumnBuffer> columns_;
  std::vector<size_t> lists_;  // those of them that are arrays
};

}  // namespace sluice::record
