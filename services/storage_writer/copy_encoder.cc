#include "storage_writer/copy_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "rules/explanation.h"
#include "storage_writer/copy_encoder_text.h"

namespace sluice::storage_writer {
namespace {

using contract::LogicalType;

// A value the column cannot hold is sent as a field that is longer than its type: refused with
// 22P03. (A shorter one would be 08P01, which looks like a broken connection.)
char* PutRefused(char* at) { return PutInt64(PutInt32(at, 8), 0); }
constexpr size_t kFieldBytes = 12;  // the longest fixed field: length and eight bytes

bool IsNull(const uint8_t* valid, int64_t bit) {
  return valid != nullptr && ((valid[bit >> 3] >> (bit & 7)) & 1) == 0;
}

// Beyond what PostgreSQL's type can count, but not one of the values that mean infinity: refused
// with 22008.
constexpr int64_t kRefusedTimestamp = std::numeric_limits<int64_t>::min() + 1;
constexpr int32_t kRefusedDate = std::numeric_limits<int32_t>::min() + 1;

int64_t PostgresMicros(int64_t micros) {
  int64_t shifted = 0;
  const bool overflow = __builtin_sub_overflow(micros, kPostgresEpochMicros, &shifted);
  return overflow || shifted == std::numeric_limits<int64_t>::min() ? kRefusedTimestamp : shifted;
}

int64_t MicrosFromMillis(int64_t millis) {
  int64_t micros = 0;
  return __builtin_mul_overflow(millis, int64_t{1000}, &micros)
             ? std::numeric_limits<int64_t>::min()
             : micros;
}

int32_t PostgresDays(int32_t days) {
  int32_t shifted = 0;
  const bool overflow = __builtin_sub_overflow(days, kPostgresEpochDays, &shifted);
  return overflow || shifted == std::numeric_limits<int32_t>::min() ? kRefusedDate : shifted;
}

template <typename T>
T At(const void* values, int64_t row) {
  return static_cast<const T*>(values)[row];
}

template <typename Narrow>
bool Fits(int64_t value) {
  return value >= std::numeric_limits<Narrow>::min() && value <= std::numeric_limits<Narrow>::max();
}

}  // namespace

std::optional<PgType> PgTypeFromName(std::string_view typname) {
  static constexpr std::pair<std::string_view, PgType> kTypes[] = {
      {"text", PgType::kText},
      {"varchar", PgType::kText},
      {"bpchar", PgType::kText},
      {"json", PgType::kText},
      {"citext", PgType::kText},
      {"int2", PgType::kInt2},
      {"int4", PgType::kInt4},
      {"int8", PgType::kInt8},
      {"float4", PgType::kFloat4},
      {"float8", PgType::kFloat8},
      {"bool", PgType::kBool},
      {"date", PgType::kDate},
      {"timestamptz", PgType::kTimestampTz},
      {"timestamp", PgType::kTimestamp},
      {"time", PgType::kTime},
      {"bytea", PgType::kBytea},
      {"numeric", PgType::kNumeric},
      {"uuid", PgType::kUuid},
      {"jsonb", PgType::kJsonb},
  };
  for (const auto& [name, type] : kTypes) {
    if (name == typname) return type;
  }
  return std::nullopt;
}

bool CanStore(LogicalType type, PgType target) {
  const auto any_of = [&](std::initializer_list<PgType> allowed) {
    for (PgType candidate : allowed) {
      if (candidate == target) return true;
    }
    return false;
  };
  switch (type) {
    case LogicalType::kString:
      return any_of({PgType::kText, PgType::kUuid, PgType::kJsonb});
    case LogicalType::kInteger:
      return any_of(
          {PgType::kInt2, PgType::kInt4, PgType::kInt8, PgType::kFloat8, PgType::kNumeric});
    case LogicalType::kNumber:
      return any_of({PgType::kFloat4, PgType::kFloat8, PgType::kNumeric});
    case LogicalType::kBoolean:
      return target == PgType::kBool;
    case LogicalType::kDate:
      return target == PgType::kDate;
    case LogicalType::kTimestamp:
      return any_of({PgType::kTimestampTz, PgType::kTimestamp});
    case LogicalType::kTime:
      return target == PgType::kTime;
    case LogicalType::kJson:
      return any_of({PgType::kJsonb, PgType::kText});
  }
  return false;
}

/// False: this array has no such form.
bool CopyEncoder::BindArray(const arrow::Array& array, PgType type, Op* op) {
  const arrow::ArrayData& data = *array.data();
  if (array.null_count() != 0) op->valid = array.null_bitmap_data();
  op->bit_offset = data.offset;
  const auto fixed = [&](Step step, size_t width) {
    op->step = step;
    op->values = data.buffers[1] == nullptr
                     ? nullptr
                     : data.buffers[1]->data() + static_cast<size_t>(data.offset) * width;
    return true;
  };
  const auto variable = [&](Step step) {
    const auto& binary = static_cast<const arrow::BinaryArray&>(array);
    op->step = step;
    op->offsets = binary.raw_value_offsets();
    op->values = binary.raw_data();
    return true;
  };
  switch (array.type_id()) {
    case arrow::Type::INT64:
      if (type == PgType::kInt8) return fixed(Step::kCopy8, 8);
      if (type == PgType::kInt4) return fixed(Step::kNarrow4, 8);
      if (type == PgType::kInt2) return fixed(Step::kNarrow2, 8);
      if (type == PgType::kFloat8) return fixed(Step::kFloat8FromInt, 8);
      if (type == PgType::kNumeric) return fixed(Step::kNumericFromInt, 8);
      break;
    case arrow::Type::DOUBLE:
      if (type == PgType::kFloat8) return fixed(Step::kCopy8, 8);
      if (type == PgType::kFloat4) return fixed(Step::kFloat4, 8);
      if (type == PgType::kNumeric) return fixed(Step::kNumericFromDouble, 8);
      break;
    case arrow::Type::INT32:
      if (type == PgType::kInt4) return fixed(Step::kInt32, 4);
      break;
    case arrow::Type::DATE32:
      if (type == PgType::kDate) return fixed(Step::kDate, 4);
      break;
    case arrow::Type::TIME64:
      if (type == PgType::kTime) return fixed(Step::kCopy8, 8);
      break;
    case arrow::Type::TIMESTAMP:
      if (type != PgType::kTimestampTz && type != PgType::kTimestamp) break;
      switch (static_cast<const arrow::TimestampType&>(*array.type()).unit()) {
        case arrow::TimeUnit::MICRO:
          return fixed(Step::kTimestampMicros, 8);
        case arrow::TimeUnit::MILLI:
          return fixed(Step::kTimestampMillis, 8);
        default:
          break;
      }
      break;
    case arrow::Type::BOOL:
      op->width = static_cast<int32_t>(data.offset);
      op->step = Step::kBool;
      op->values = data.buffers[1] == nullptr ? nullptr : data.buffers[1]->data();
      if (type == PgType::kBool) return true;
      break;
    case arrow::Type::STRING:
      if (type == PgType::kText) return variable(Step::kVariable);
      if (type == PgType::kUuid) return variable(Step::kUuid);
      if (type == PgType::kJsonb) return variable(Step::kJsonb);
      break;
    case arrow::Type::BINARY:
      if (type == PgType::kBytea) return variable(Step::kVariable);
      break;
    case arrow::Type::FIXED_SIZE_BINARY:
      op->width = static_cast<const arrow::FixedSizeBinaryType&>(*array.type()).byte_width();
      if (type == PgType::kBytea) return fixed(Step::kFixed, static_cast<size_t>(op->width));
      break;
    default:
      break;
  }
  return false;
}

absl::Status CopyEncoder::BindField(const arrow::RecordBatch& rows, int field, PgType type,
                                    Op* op) const {
  return BindField(rows, {{tables::ValueSource::Kind::kField, field}, type}, op);
}

absl::Status CopyEncoder::BindField(const arrow::RecordBatch& rows, const Column& column,
                                    Op* op) const {
  const arrow::Array& array = *rows.column(column.source.field);
  bool bound = false;
  if (array.type_id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListArray&>(array);
    if (array.null_count() != 0) op->valid = array.null_bitmap_data();
    op->bit_offset = array.offset();
    op->step = column.item_oid == 0 ? Step::kObjects : Step::kArray;
    op->offsets = list.raw_value_offsets();
    op->item_oid = column.item_oid;
    op->items.push_back({Step::kBytes});
    bound = BindArray(*list.values(), column.type, &op->items[0]) &&
            (op->step == Step::kArray || op->items[0].step == Step::kJsonb ||
             op->items[0].step == Step::kVariable);
  } else if (column.item_oid == 0) {
    bound = BindArray(array, column.type, op);
  }
  if (bound) return absl::OkStatus();
  return absl::InternalError(Concat("no binary form for column ",
                                    rows.schema()->field(column.source.field)->name(), " of type ",
                                    array.type()->ToString()));
}

void CopyEncoder::AddConstant(std::string_view field) {
  if (ops_.empty() || ops_.back().step != Step::kBytes) ops_.push_back({Step::kBytes});
  ops_.back().bytes += field;
}

absl::Status CopyEncoder::BindColumn(const arrow::RecordBatch& rows,
                                     const BatchConstants& constants, const Column& column) {
  using Kind = tables::ValueSource::Kind;
  char field[kFieldBytes];
  const auto constant = [&](const char* end) {
    AddConstant({field, static_cast<size_t>(end - field)});
    return absl::OkStatus();
  };
  Op op{Step::kBytes};
  switch (column.source.kind) {
    case Kind::kPartition:
      return constant(PutInt32(PutInt32(field, 4), static_cast<uint32_t>(constants.partition)));
    case Kind::kContractId:
      return constant(PutInt32(PutInt32(field, 4), static_cast<uint32_t>(constants.contract_id)));
    case Kind::kLoadTimestamp:
      return constant(PutInt64(PutInt32(field, 8),
                               static_cast<uint64_t>(PostgresMicros(constants.load_timestamp_us))));
    case Kind::kConstant:
      constant(PutInt32(field, static_cast<uint32_t>(column.source.text.size()))).IgnoreError();
      AddConstant(column.source.text);
      return absl::OkStatus();
    case Kind::kField:
      SLUICE_RETURN_IF_ERROR(BindField(rows, column, &op));
      break;
    case Kind::kKey:
      SLUICE_RETURN_IF_ERROR(BindField(rows, batch::kKey, PgType::kBytea, &op));
      op.step = Step::kKey;
      break;
    case Kind::kRawText:
      SLUICE_RETURN_IF_ERROR(BindField(rows, batch::kRaw, PgType::kBytea, &op));
      op.step = Step::kRawText;
      break;
    case Kind::kSummary:
      SLUICE_RETURN_IF_ERROR(BindField(rows, batch::kFailedRules, PgType::kBytea, &op));
      op.step = Step::kSummary;
      break;
    case Kind::kReason: {
      const arrow::Array& array = *rows.column(batch::kReason);
      if (array.type_id() != arrow::Type::DICTIONARY)
        return absl::InternalError("_reason is not dictionary-encoded");
      const auto& reasons = static_cast<const arrow::DictionaryArray&>(array);
      if (reasons.indices()->type_id() != arrow::Type::INT8 ||
          reasons.dictionary()->type_id() != arrow::Type::STRING) {
        return absl::InternalError("_reason is not dictionary<int8, utf8>");
      }
      const auto& texts = static_cast<const arrow::StringArray&>(*reasons.dictionary());
      for (int64_t i = 0; i < texts.length(); ++i) op.dictionary.push_back(texts.GetView(i));
      op.step = Step::kDictionary;
      if (array.null_count() != 0) op.valid = array.null_bitmap_data();
      op.bit_offset = array.offset();
      op.values = static_cast<const arrow::Int8Array&>(*reasons.indices()).raw_values();
      break;
    }
  }
  ops_.push_back(std::move(op));
  return absl::OkStatus();
}

absl::Status CopyEncoder::Bind(const arrow::RecordBatch& rows, const BatchConstants& constants) {
  ops_.clear();
  contract_ = constants.contract;
  fixed_bytes_ = 2;
  for (const Column& column : columns_) SLUICE_RETURN_IF_ERROR(BindColumn(rows, constants, column));
  for (const Op& op : ops_) fixed_bytes_ += op.step == Step::kBytes ? op.bytes.size() : kFieldBytes;
  return absl::OkStatus();
}

std::string CopyEncoder::Computed(const Op& op, int64_t row) const {
  if (op.step == Step::kNumericFromInt) return NumericBinary(Concat(At<int64_t>(op.values, row)));
  if (op.step == Step::kNumericFromDouble) return NumericBinary(At<double>(op.values, row));
  if (op.step == Step::kSummary) {
    const std::string_view bits(static_cast<const char*>(op.values) + row * op.width,
                                static_cast<size_t>(op.width));
    return rules::Summary(*contract_, bits);
  }
  const std::string_view value(static_cast<const char*>(op.values) + op.offsets[row],
                               static_cast<size_t>(op.offsets[row + 1] - op.offsets[row]));
  switch (op.step) {
    case Step::kKey:
      return KeyText(value);
    case Step::kRawText:
      return VisibleText(value);
    case Step::kUuid: {
      const std::string uuid = UuidBinary(value);
      return uuid.empty() ? std::string(17, '?') : uuid;  // too long for a UUID: refused with 22P03
    }
    case Step::kJsonb:
      return Concat("\1", value);
    default:
      return "";
  }
}

char* CopyEncoder::PutVariable(const Op& op, int64_t row, char* at, CopyBuffer* out) const {
  std::string computed;
  std::string_view value;
  if (op.step == Step::kVariable || op.step == Step::kKey) {
    value = {static_cast<const char*>(op.values) + op.offsets[row],
             static_cast<size_t>(op.offsets[row + 1] - op.offsets[row])};
    if (op.step == Step::kKey && !IsStorableText(value)) value = computed = Computed(op, row);
  } else if (op.step == Step::kFixed) {
    value = {static_cast<const char*>(op.values) + row * op.width, static_cast<size_t>(op.width)};
  } else if (op.step == Step::kDictionary) {
    const auto index = static_cast<uint8_t>(At<int8_t>(op.values, row));
    value = index < op.dictionary.size() ? op.dictionary[index] : "?";
  } else {
    value = computed = Computed(op, row);
  }
  // What follows in this row still has its room.
  at = out->Extend(at, 4 + value.size() + fixed_bytes_);
  at = PutInt32(at, static_cast<uint32_t>(value.size()));
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  return at + value.size();
}

// Called for every field of every row.
[[gnu::always_inline]] inline char* CopyEncoder::PutField(const Op& op, int64_t row, char* at,
                                                          CopyBuffer* out) const {
  if (IsNull(op.valid, op.bit_offset + row)) return PutNull(at);
  switch (op.step) {
    case Step::kCopy8:
      return PutInt64(PutInt32(at, 8), At<uint64_t>(op.values, row));
    case Step::kInt32:
      return PutInt32(PutInt32(at, 4), At<uint32_t>(op.values, row));
    case Step::kNarrow4: {
      const auto value = At<int64_t>(op.values, row);
      return Fits<int32_t>(value) ? PutInt32(PutInt32(at, 4), static_cast<uint32_t>(value))
                                  : PutRefused(at);
    }
    case Step::kNarrow2: {
      const auto value = At<int64_t>(op.values, row);
      return Fits<int16_t>(value) ? PutInt16(PutInt32(at, 2), static_cast<uint16_t>(value))
                                  : PutRefused(at);
    }
    case Step::kFloat8FromInt: {
      const auto value = static_cast<double>(At<int64_t>(op.values, row));
      uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      return PutInt64(PutInt32(at, 8), bits);
    }
    case Step::kFloat4: {
      const auto value = At<double>(op.values, row);
      const auto narrow = static_cast<float>(value);
      uint32_t bits = 0;
      std::memcpy(&bits, &narrow, sizeof bits);
      return std::isinf(narrow) && !std::isinf(value) ? PutRefused(at)
                                                      : PutInt32(PutInt32(at, 4), bits);
    }
    case Step::kDate:
      return PutInt32(PutInt32(at, 4),
                      static_cast<uint32_t>(PostgresDays(At<int32_t>(op.values, row))));
    case Step::kTimestampMicros:
      return PutInt64(PutInt32(at, 8),
                      static_cast<uint64_t>(PostgresMicros(At<int64_t>(op.values, row))));
    case Step::kTimestampMillis:
      return PutInt64(
          PutInt32(at, 8),
          static_cast<uint64_t>(PostgresMicros(MicrosFromMillis(At<int64_t>(op.values, row)))));
    case Step::kBool: {
      const int64_t bit = op.width + row;
      at = PutInt32(at, 1);
      *at++ =
          static_cast<char>((static_cast<const uint8_t*>(op.values)[bit >> 3] >> (bit & 7)) & 1);
      return at;
    }
    case Step::kArray:
      return PutArray(op, row, at, out);
    case Step::kObjects:
      return PutObjects(op, row, at, out);
    default:
      return PutVariable(op, row, at, out);
  }
}

/// One dimension that begins at 1, or none when there is no item.
char* CopyEncoder::PutArray(const Op& op, int64_t row, char* at, CopyBuffer* out) const {
  constexpr size_t kHeadBytes = 4 + 5 * 4;  // length; dimensions, nulls, type, items, first index
  const Op& items = op.items[0];
  const int64_t begin = op.offsets[row];
  const int64_t end = op.offsets[row + 1];
  at = out->Extend(at, kHeadBytes + fixed_bytes_);
  const size_t start = out->size();
  bool has_null = false;
  for (int64_t i = begin; !has_null && i < end; ++i)
    has_null = IsNull(items.valid, items.bit_offset + i);
  at = PutInt32(at + 4, begin == end ? 0 : 1);
  at = PutInt32(PutInt32(at, has_null ? 1 : 0), op.item_oid);
  if (begin != end) at = PutInt32(PutInt32(at, static_cast<uint32_t>(end - begin)), 1);
  for (int64_t i = begin; i < end; ++i) {
    at = out->Extend(at, kFieldBytes + fixed_bytes_);
    at = PutField(items, i, at, out);
  }
  out->Advance(at);
  PutInt32(out->At(start), static_cast<uint32_t>(out->size() - start - 4));
  return at;
}

/// The texts of the objects as one text of JSON.
char* CopyEncoder::PutObjects(const Op& op, int64_t row, char* at, CopyBuffer* out) const {
  constexpr std::string_view kNullItem = "null";
  const Op& items = op.items[0];
  const auto is_null = [&](int64_t i) { return IsNull(items.valid, items.bit_offset + i); };
  const auto text = [&](int64_t i) {
    return std::string_view(static_cast<const char*>(items.values) + items.offsets[i],
                            static_cast<size_t>(items.offsets[i + 1] - items.offsets[i]));
  };
  const int64_t begin = op.offsets[row];
  const int64_t end = op.offsets[row + 1];
  const bool binary = items.step == Step::kJsonb;  // begins with a version
  size_t bytes = (binary ? 1 : 0) + 2 + static_cast<size_t>(std::max<int64_t>(end - begin - 1, 0));
  for (int64_t i = begin; i < end; ++i) bytes += is_null(i) ? kNullItem.size() : text(i).size();
  at = out->Extend(at, 4 + bytes + fixed_bytes_);
  at = PutInt32(at, static_cast<uint32_t>(bytes));
  if (binary) *at++ = 1;
  *at++ = '[';
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) *at++ = ',';
    const std::string_view item = is_null(i) ? kNullItem : text(i);
    if (!item.empty()) std::memcpy(at, item.data(), item.size());
    at += item.size();
  }
  *at++ = ']';
  return at;
}

void CopyEncoder::Encode(absl::Span<const int32_t> rows, CopyBuffer* out) const {
  const auto fields = static_cast<uint16_t>(columns_.size());
  for (const int32_t row : rows) {
    char* at = PutInt16(out->Reserve(fixed_bytes_), fields);
    for (const Op& op : ops_) {
      if (op.step == Step::kBytes) {
        std::memcpy(at, op.bytes.data(), op.bytes.size());
        at += op.bytes.size();
      } else {
        at = PutField(op, row, at, out);
      }
    }
    out->Advance(at);
  }
}

}  // namespace sluice::storage_writer
