#pragma once
// Arrow rows to PostgreSQL's binary COPY format: one pass, row by row, straight from Arrow's
// buffers.
//
// A value that its column cannot hold (an integer beyond smallint, a text that is no UUID) becomes
// a field the server refuses with a data error, so that it is found by the same search as every
// other bad row; nothing is clamped. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "storage_writer/copy_encoder_buffer.h"
#include "tables/value_source.h"

namespace sluice::storage_writer {

/// The binary forms that are written.
enum class PgType : uint8_t {
  kText,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kBool,
  kDate,
  kTimestampTz,
  kTimestamp,
  kTime,
  kBytea,
  kNumeric,
  kUuid,
  kJsonb,
};
/// By pg_type.typname; nullopt for a type that is not written. Texts (varchar, json, ...) are all
/// kText.
std::optional<PgType> PgTypeFromName(std::string_view typname);
/// Whether values of a contract's type can be stored in a column of `target`.
bool CanStore(contract::LogicalType type, PgType target);

/// What all rows of one batch have in common.
struct BatchConstants {
  const contract::Contract* contract = nullptr;
  int32_t partition = 0;
  int32_t contract_id = 0;
  int64_t load_timestamp_us = 0;  ///< since 1970-01-01
};

class CopyEncoder {
 public:
  struct Column {
    tables::ValueSource source;
    PgType type;            ///< of an array: of its items
    uint32_t item_oid = 0;  ///< of an array: the same type as PostgreSQL counts them; 0 of one of
                            ///< objects, which is one value
  };
  explicit CopyEncoder(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Look at the batch whose rows come next. `rows` must live until the next Bind. kInternal: a
  /// column of another type than its table was made for.
  absl::Status Bind(const arrow::RecordBatch& rows, const BatchConstants& constants);
  /// Append these rows of the bound batch to `out`.
  void Encode(absl::Span<const int32_t> rows, CopyBuffer* out) const;

 private:
  // How one field is written; several constant fields in a row are one step.
  enum class Step : uint8_t {
    kBytes,
    kCopy8,
    kNarrow4,
    kNarrow2,
    kDate,
    kTimestampMicros,
    kTimestampMillis,
    kBool,
    kInt32,
    kFloat4,
    kVariable,
    kFixed,
    kKey,
    kDictionary,
    kRawText,
    kSummary,
    kNumericFromInt,
    kNumericFromDouble,
    kFloat8FromInt,
    kUuid,
    kJsonb,
    kArray,
    kObjects,
  };
  struct Op {
    Step step;
    const uint8_t* valid = nullptr;  // bitmap, null: no nulls
    int64_t bit_offset = 0;          // of row 0 in `valid`
    const void* values = nullptr;    // at row 0
    const int32_t* offsets = nullptr;
    int32_t width = 0;       // kFixed; kBool: bit offset of row 0
    std::string bytes = "";  // kBytes
    std::vector<std::string_view> dictionary = {};
    uint32_t item_oid = 0;       // kArray
    std::vector<Op> items = {};  // kArray, kObjects: one
  };
  absl::Status BindField(const arrow::RecordBatch& rows, const Column& column, Op* op) const;
  absl::Status BindField(const arrow::RecordBatch& rows, int field, PgType type, Op* op) const;
  static bool BindArray(const arrow::Array& array, PgType type, Op* op);
  absl::Status BindColumn(const arrow::RecordBatch& rows, const BatchConstants& constants,
                          const Column& column);
  void AddConstant(std::string_view field);
  char* PutField(const Op& op, int64_t row, char* at, CopyBuffer* out) const;
  char* PutVariable(const Op& op, int64_t row, char* at, CopyBuffer* out) const;
  char* PutArray(const Op& op, int64_t row, char* at, CopyBuffer* out) const;
  char* PutObjects(const Op& op, int64_t row, char* at, CopyBuffer* out) const;
  std::string Computed(const Op& op, int64_t row) const;

  std::vector<Column> columns_;
  std::vector<Op> ops_;
  size_t fixed_bytes_ = 0;  // of a row without its variable parts
  const contract::Contract* contract_ = nullptr;
};

}  // namespace sluice::storage_writer
