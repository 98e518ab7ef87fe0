#include "batch/schema.h"

#include <algorithm>

#include "arrow/array.h"
#include "arrow/array/builder_binary.h"
#include "arrow/type.h"
#include "batch/verdict.h"

namespace sluice::batch {

int FailedRulesWidth(const contract::Contract& contract) {
  return std::max<int>(1, (static_cast<int>(contract.rules.size()) + 7) / 8);
}

std::shared_ptr<arrow::DataType> ArrowType(const contract::Column& column) {
  std::shared_ptr<arrow::DataType> type = ArrowType(column.type);
  return column.list ? arrow::list(std::move(type)) : type;
}

std::shared_ptr<arrow::DataType> ArrowType(contract::LogicalType type) {
  switch (type) {
    case contract::LogicalType::kString:
    case contract::LogicalType::kJson:
      return arrow::utf8();
    case contract::LogicalType::kInteger:
      return arrow::int64();
    case contract::LogicalType::kNumber:
      return arrow::float64();
    case contract::LogicalType::kBoolean:
      return arrow::boolean();
    case contract::LogicalType::kDate:
      return arrow::date32();
    case contract::LogicalType::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case contract::LogicalType::kTime:
      return arrow::time64(arrow::TimeUnit::MICRO);
  }
  return nullptr;
}

std::shared_ptr<arrow::Schema> BatchSchema(const contract::Contract& contract) {
  const auto field = [](SystemColumn column, std::shared_ptr<arrow::DataType> type, bool nullable) {
    return arrow::field(kSystemColumnNames[column], std::move(type), nullable);
  };
  arrow::FieldVector fields = {
      field(kOffset, arrow::int64(), false),
      field(kTimestamp, arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), true),
      field(kKey, arrow::binary(), true),
      field(kVerdict, arrow::uint8(), false),
      field(kReason, arrow::dictionary(arrow::int8(), arrow::utf8()), true),
      field(kFailedRules, arrow::fixed_size_binary(FailedRulesWidth(contract)), true),
      field(kRaw, arrow::binary(), true),
      field(kRawLength, arrow::int32(), true),
      field(kRawSha256, arrow::binary(), true),
  };
  for (const contract::Column& column : contract.columns) {
    fields.push_back(arrow::field(column.name, ArrowType(column)));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::Array> ReasonDictionary() {
  static const auto* dictionary = [] {
    arrow::StringBuilder builder;
    for (std::string_view name : kReasonNames) (void)builder.Append(name);
    return new std::shared_ptr<arrow::Array>(*builder.Finish());
  }();
  return *dictionary;
}

}  // namespace sluice::batch
