#include "record/batch_builder.h"

#include <cassert>

#include "arrow/array/array_base.h"
#include "arrow/array/data.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "batch/schema.h"

namespace sluice::record {
namespace {

using batch::Verdict;

void SetBit(uint8_t* bits, int64_t i) { bits[i / 8] |= static_cast<uint8_t>(1 << (i % 8)); }

}  // namespace

BatchBuilder::BatchBuilder(std::shared_ptr<const contract::Contract> contract)
    : contract_(std::move(contract)),
      schema_(batch::BatchSchema(*contract_)),
      reasons_(batch::ReasonDictionary()->data()),
      failed_rules_width_(batch::FailedRulesWidth(*contract_)),
      offsets_(schema_->field(batch::kOffset)->type()),
      timestamps_(schema_->field(batch::kTimestamp)->type()),
      keys_(schema_->field(batch::kKey)->type()) {
  columns_.reserve(contract_->columns.size());
  for (size_t i = 0; i < contract_->columns.size(); ++i) {
    columns_.emplace_back(schema_->field(batch::kSystemColumns + static_cast<int>(i))->type());
    if (contract_->columns[i].list) lists_.push_back(i);
  }
  // Offset, timestamp, key's offset, verdict, reason, failed rules; offset of raw, its length and
  // hash.
  row_bytes_ = 8 + 8 + 4 + 1 + 1 + failed_rules_width_ + 4 + 4 + 4;
  for (const ColumnBuffer& column : columns_) row_bytes_ += column.fixed_width();
}

void BatchBuilder::AppendHead(const RecordHead& head, Verdict verdict) {
  assert(bytes_ < kMaxBytes);
  offsets_.AppendInteger(head.offset);
  head.timestamp_ms ? timestamps_.AppendInteger(*head.timestamp_ms) : timestamps_.AppendNull(rows_);
  if (head.key) {
    keys_.AppendText(*head.key);
    bytes_ += head.key->size();
  } else {
    keys_.AppendNull(rows_);
  }
  verdicts_.Append(static_cast<uint8_t>(verdict));
  ++counts_[static_cast<size_t>(verdict)];
  bytes_ += row_bytes_;
}

void BatchBuilder::AppendValid(const RecordHead& head, absl::Span<const Cell> cells) {
  AppendHead(head, Verdict::kValid);
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].Append(cells[i], rows_);
    if (!cells[i].null) bytes_ += cells[i].text.size();
  }
  for (const size_t list : lists_) {
    if (!cells[list].null) bytes_ += columns_[list].ItemBytes(cells[list]);
  }
  ++rows_;
}

void BatchBuilder::AppendWithoutColumns(const RecordHead& head, Verdict verdict,
                                        std::optional<batch::Reason> reason, const RawValue* raw) {
  AppendHead(head, verdict);
  for (ColumnBuffer& column : columns_) column.AppendNull(rows_);
  Exception exception{static_cast<int32_t>(rows_), reason, raw != nullptr, 0, 0, {}};
  if (raw != nullptr) {
    exception.raw_bytes = static_cast<int32_t>(raw->bytes.size());
    exception.raw_length = raw->length;
    exception.sha256 = raw->sha256;
    raw_.Append(reinterpret_cast<const uint8_t*>(raw->bytes.data()), raw->bytes.size());
    bytes_ += raw->bytes.size() + raw->sha256.size();
  }
  exceptions_.push_back(exception);
  ++rows_;
}

int64_t BatchBuilder::FinishedBytes() const {
  const int64_t bitmap = Carver::Aligned((rows_ + 7) / 8);
  int64_t bytes = offsets_.FinishedBytes(rows_) + timestamps_.FinishedBytes(rows_) +
                  keys_.FinishedBytes(rows_) + Carver::Aligned(rows_);  // verdicts
  bytes += bitmap + Carver::Aligned(rows_);                             // reason
  bytes += bitmap + Carver::Aligned(rows_ * failed_rules_width_);
  bytes += bitmap + 2 * Carver::Aligned((rows_ + 1) * 4) + Carver::Aligned(rows_ * 4) +
           Carver::Aligned(raw_.size()) + Carver::Aligned(exceptions_.size() * 32);  // raw
  for (const ColumnBuffer& column : columns_) bytes += column.FinishedBytes(rows_);
  return bytes;
}

std::shared_ptr<arrow::ArrayData> BatchBuilder::FinishReason(Carver* carver) const {
  auto [bits, validity] = carver->TakeBitmap(rows_, /*set=*/false);
  auto [indices, values] = carver->Take(rows_);
  if (rows_ != 0) std::memset(indices, 0, rows_);
  int64_t nulls = rows_;
  for (const Exception& exception : exceptions_) {
    if (!exception.reason) continue;
    SetBit(bits, exception.row);
    indices[exception.row] = static_cast<uint8_t>(*exception.reason);
    --nulls;
  }
  auto data = arrow::ArrayData::Make(schema_->field(batch::kReason)->type(), rows_,
                                     {std::move(validity), std::move(values)}, nulls);
  data->dictionary = reasons_;
  return data;
}

std::shared_ptr<arrow::ArrayData> BatchBuilder::FinishFailedRules(Carver* carver) const {
  auto [bits, validity] = carver->TakeBitmap(rows_, /*set=*/false);
  const int64_t bytes = rows_ * failed_rules_width_;
  auto [start, values] = carver->Take(bytes);
  if (bytes != 0) std::memset(start, 0, bytes);
  return arrow::ArrayData::Make(schema_->field(batch::kFailedRules)->type(), rows_,
                                {std::move(validity), std::move(values)}, rows_);
}

void BatchBuilder::FinishRaw(Carver* carver,
                             std::vector<std::shared_ptr<arrow::ArrayData>>* columns) const {
  auto [bits, validity] = carver->TakeBitmap(rows_, /*set=*/false);
  auto [raw_ends, raw_offsets] = carver->Take((rows_ + 1) * 4);
  auto [raw_start, raw_data] = carver->Take(raw_.size());
  auto [lengths, length_values] = carver->Take(rows_ * 4);
  auto [hash_ends, hash_offsets] = carver->Take((rows_ + 1) * 4);
  auto* const raw_end_of = reinterpret_cast<int32_t*>(raw_ends);
  auto* const hash_end_of = reinterpret_cast<int32_t*>(hash_ends);
  auto* const length_of = reinterpret_cast<int32_t*>(lengths);

  int64_t with_raw = 0;
  for (const Exception& exception : exceptions_) with_raw += exception.has_raw ? 1 : 0;
  auto [hash_start, hash_data] = carver->Take(with_raw * 32);
  if (raw_.size() != 0) std::memcpy(raw_start, raw_.data(), raw_.size());

  int32_t raw_end = 0;
  int32_t hash_end = 0;
  int64_t row = 0;
  const auto fill_to = [&](int64_t end) {  // rows without raw bytes
    for (; row < end; ++row) {
      raw_end_of[row] = raw_end;
      hash_end_of[row] = hash_end;
      length_of[row] = 0;
    }
  };
  for (const Exception& exception : exceptions_) {
    if (!exception.has_raw) continue;
    fill_to(exception.row);
    raw_end_of[row] = raw_end;
    hash_end_of[row] = hash_end;
    length_of[row] = exception.raw_length;
    SetBit(bits, row);
    std::memcpy(hash_start + hash_end, exception.sha256.data(), 32);
    raw_end += exception.raw_bytes;
    hash_end += 32;
    ++row;
  }
  fill_to(rows_);
  raw_end_of[rows_] = raw_end;
  hash_end_of[rows_] = hash_end;

  const int64_t nulls = rows_ - with_raw;
  const auto type = [&](int field) { return schema_->field(field)->type(); };
  columns->push_back(arrow::ArrayData::Make(
      type(batch::kRaw), rows_, {validity, std::move(raw_offsets), std::move(raw_data)}, nulls));
  columns->push_back(arrow::ArrayData::Make(type(batch::kRawLength), rows_,
                                            {validity, std::move(length_values)}, nulls));
  columns->push_back(
      arrow::ArrayData::Make(type(batch::kRawSha256), rows_,
                             {validity, std::move(hash_offsets), std::move(hash_data)}, nulls));
}

std::shared_ptr<arrow::RecordBatch> BatchBuilder::Finish() {
  Carver carver(FinishedBytes());
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  columns.reserve(batch::kSystemColumns + columns_.size());
  columns.push_back(offsets_.Finish(rows_, &carver));
  columns.push_back(timestamps_.Finish(rows_, &carver));
  columns.push_back(keys_.Finish(rows_, &carver));
  auto [verdicts, verdict_values] = carver.Take(rows_);
  if (rows_ != 0) std::memcpy(verdicts, verdicts_.data(), rows_);
  columns.push_back(arrow::ArrayData::Make(schema_->field(batch::kVerdict)->type(), rows_,
                                           {nullptr, std::move(verdict_values)}, 0));
  columns.push_back(FinishReason(&carver));
  columns.push_back(FinishFailedRules(&carver));
  FinishRaw(&carver, &columns);
  for (const ColumnBuffer& column : columns_) columns.push_back(column.Finish(rows_, &carver));
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(columns));
  Clear();
  return batch;
}

void BatchBuilder::Clear() {
  rows_ = 0;
  bytes_ = 0;
  counts_ = {};
  offsets_.Clear();
  timestamps_.Clear();
  keys_.Clear();
  verdicts_.Clear();
  exceptions_.clear();
  raw_.Clear();
  for (ColumnBuffer& column : columns_) column.Clear();
}

}  // namespace sluice::record
