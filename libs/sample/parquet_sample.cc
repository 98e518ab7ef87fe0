#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>
#include <parquet/properties.h>

#include <exception>
#include <functional>

#include "base/status.h"
#include "contract/timestamp.h"
#include "sample/formats.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

using arrow::Type;

constexpr int64_t kBatchRows = 4096;

template <typename Array>
const Array& As(const arrow::Array& values) {
  return static_cast<const Array&>(values);
}

void AppendTimestamp(const arrow::TimestampArray& values, int64_t row, std::string* json) {
  const int64_t value = values.Value(row);
  int64_t micros = 0;
  bool fits = true;
  switch (static_cast<const arrow::TimestampType&>(*values.type()).unit()) {
    case arrow::TimeUnit::SECOND:
      fits = !__builtin_mul_overflow(value, int64_t{1'000'000}, &micros);
      break;
    case arrow::TimeUnit::MILLI:
      fits = !__builtin_mul_overflow(value, int64_t{1'000}, &micros);
      break;
    case arrow::TimeUnit::MICRO:
      micros = value;
      break;
    case arrow::TimeUnit::NANO:
      micros = value / 1000 - (value % 1000 < 0);
      break;
  }
  std::string text;
  if (fits) contract::AppendTimestamp(micros, &text);
  AppendText(fits ? text : "beyond all calendars", json);
}

void AppendDays(int64_t days, std::string* json) {
  std::string text;
  contract::AppendDate(days, &text);
  AppendText(text, json);
}

void AppendValue(const arrow::Array& values, int64_t row, std::string* json);

void AppendItems(const arrow::Array& items, int64_t begin, int64_t end, std::string* json) {
  json->push_back('[');
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) json->push_back(',');
    AppendValue(items, i, json);
  }
  json->push_back(']');
}

void AppendFields(const arrow::StructArray& values, int64_t row, std::string* json) {
  json->push_back('{');
  for (int i = 0; i < values.num_fields(); ++i) {
    if (i > 0) json->push_back(',');
    AppendText(values.struct_type()->field(i)->name(), json);
    json->push_back(':');
    AppendValue(*values.field(i), row, json);
  }
  json->push_back('}');
}

void AppendValue(const arrow::Array& values, int64_t row, std::string* json) {
  if (values.IsNull(row)) {
    json->append("null");
    return;
  }
  switch (values.type_id()) {
    case Type::STRING:
    case Type::BINARY:
      return AppendText(As<arrow::BinaryArray>(values).GetView(row), json);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return AppendText(As<arrow::LargeBinaryArray>(values).GetView(row), json);
    case Type::BOOL:
      json->append(As<arrow::BooleanArray>(values).Value(row) ? "true" : "false");
      return;
    case Type::INT32:
      return Append(json, As<arrow::Int32Array>(values).Value(row));
    case Type::INT64:
      return Append(json, As<arrow::Int64Array>(values).Value(row));
    case Type::FLOAT:
      return AppendNumber(As<arrow::FloatArray>(values).Value(row), json);
    case Type::DOUBLE:
      return AppendNumber(As<arrow::DoubleArray>(values).Value(row), json);
    case Type::DATE32:
      return AppendDays(As<arrow::Date32Array>(values).Value(row), json);
    case Type::DATE64:
      return AppendDays(As<arrow::Date64Array>(values).Value(row) / 86'400'000, json);
    case Type::TIMESTAMP:
      return AppendTimestamp(As<arrow::TimestampArray>(values), row, json);
    case Type::INT8:
    case Type::INT16:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      json->append((*values.GetScalar(row))->ToString());
      return;
    case Type::STRUCT:
      return AppendFields(As<arrow::StructArray>(values), row, json);
    case Type::LIST:
    case Type::MAP: {
      const auto& list = As<arrow::ListArray>(values);
      return AppendItems(*list.values(), list.value_offset(row), list.value_offset(row + 1), json);
    }
    case Type::LARGE_LIST: {
      const auto& list = As<arrow::LargeListArray>(values);
      return AppendItems(*list.values(), list.value_offset(row), list.value_offset(row + 1), json);
    }
    case Type::FIXED_SIZE_LIST: {
      const auto& list = As<arrow::FixedSizeListArray>(values);
      return AppendItems(*list.values(), list.value_offset(row), list.value_offset(row + 1), json);
    }
    case Type::DICTIONARY: {
      const auto& coded = As<arrow::DictionaryArray>(values);
      return AppendValue(*coded.dictionary(), coded.GetValueIndex(row), json);
    }
    case Type::EXTENSION:
      return AppendValue(*As<arrow::ExtensionArray>(values).storage(), row, json);
    default:  // times, durations and what else has no form in JSON
      return AppendText((*values.GetScalar(row))->ToString(), json);
  }
}

class ParquetSample : public Sample {
 public:
  explicit ParquetSample(std::string path) : path_(std::move(path)) {}

  Format format() const override { return Format::kParquet; }

  absl::Status Open() {
    return Guarded([&]() -> arrow::Status {
      parquet::arrow::FileReaderBuilder builder;
      ARROW_RETURN_NOT_OK(builder.OpenFile(path_));
      parquet::ArrowReaderProperties properties;
      properties.set_batch_size(kBatchRows);
      builder.properties(properties);
      ARROW_RETURN_NOT_OK(builder.Build(&file_));
      ARROW_ASSIGN_OR_RAISE(batches_, file_->GetRecordBatchReader());
      const arrow::Schema& schema = *batches_->schema();
      for (int i = 0; i < schema.num_fields(); ++i) {
        std::string& member = members_.emplace_back();
        AppendText(schema.field(i)->name(), &member);
        member += ':';
      }
      return arrow::Status::OK();
    });
  }

  absl::StatusOr<bool> Next(Record* record) override {
    SLUICE_RETURN_IF_ERROR(Guarded([&]() -> arrow::Status {
      while (batches_ != nullptr && (batch_ == nullptr || row_ == batch_->num_rows())) {
        row_ = 0;
        ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch_));
        if (batch_ == nullptr) {
          batches_ = nullptr;
        } else {
          ARROW_RETURN_NOT_OK(batch_->ValidateFull());
        }
      }
      if (batches_ == nullptr) return arrow::Status::OK();
      json_.assign(1, '{');
      for (int i = 0; i < batch_->num_columns(); ++i) {
        if (i > 0) json_ += ',';
        json_ += members_[static_cast<size_t>(i)];
        AppendValue(*batch_->column(i), row_, &json_);
      }
      json_ += '}';
      ++row_;
      return arrow::Status::OK();
    }));
    if (batches_ == nullptr) return false;
    *record = {++number_, json_};
    return true;
  }

 private:
  /// A damaged file makes the library return errors, and now and then throw them.
  absl::Status Guarded(const std::function<arrow::Status()>& read) const {
    std::string why;
    try {
      const arrow::Status status = read();
      if (status.ok()) return absl::OkStatus();
      why = status.message();
    } catch (const std::exception& error) {
      why = error.what();
    }
    return absl::InvalidArgumentError(
        Concat(path_, " is no whole Parquet file, as far as its row ", number_ + 1, ": ", why));
  }

  const std::string path_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;  // null at the end
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::vector<std::string> members_;  // `"name":` of each column
  int64_t row_ = 0;                   // of the batch
  int64_t number_ = 0;                // of rows given
  std::string json_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sample>> MakeParquetSample(const std::string& path) {
  auto sample = std::make_unique<ParquetSample>(path);
  SLUICE_RETURN_IF_ERROR(sample->Open());
  return sample;
}

}  // namespace sluice::sample
