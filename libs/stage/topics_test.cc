#include "stage/topics.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "base/strings.h"
#include "batch/wire.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"

namespace sluice::stage {
namespace {

std::shared_ptr<const contract::Contract> WideContract(contract::LogicalType type) {
  auto contract = std::make_shared<contract::Contract>();
  contract->unknown_fields = contract::UnknownFields::kIgnore;
  for (int i = 0; i < contract::kMaxColumns; ++i) {
    contract::Column column;
    column.name = Concat("a_column_with_a_rather_long_name_", i);
    column.type = type;
    contract->columns.push_back(column);
  }
  return contract;
}

/// Encode a batch filled as the validator fills it: until it is full, then one record more at most.
int64_t FillAndEncode(const contract::PipelineConfig& pipeline,
                      const std::shared_ptr<const contract::Contract>& contract,
                      const std::string& value) {
  record::BatchBuilder builder(contract);
  record::RecordParser parser(contract, {pipeline.max_record_bytes, pipeline.max_raw_bytes,
                                         pipeline.max_key_bytes, pipeline.max_depth});
  const std::string key(static_cast<size_t>(pipeline.max_key_bytes), 'k');
  for (int64_t offset = 0;
       builder.rows() < pipeline.batch_rows && builder.bytes() < pipeline.batch_bytes; ++offset) {
    parser.Parse(key, value, 0, offset, &builder);
  }
  batch::Encoder encoder(contract);
  const auto encoded = encoder.Encode(*builder.Finish());
  EXPECT_TRUE(encoded.ok()) << encoded.status();
  return (*encoded)->size();
}

TEST(LargestBatchBytes, HoldsForTheWorstRecords) {
  contract::PipelineConfig pipeline;
  const auto numbers = WideContract(contract::LogicalType::kNumber);
  const auto strings = WideContract(contract::LogicalType::kString);
  const std::string longest(static_cast<size_t>(pipeline.max_record_bytes) - 100, 'x');
  const std::string values[] = {
      "{}",                                                              // all columns null
      Concat("{\"", strings->columns[0].name, "\":\"", longest, "\"}"),  // one enormous cell
      longest,                                                           // corrupt, kept raw
      "",
  };
  for (const std::string& value : values) {
    EXPECT_LE(FillAndEncode(pipeline, numbers, value), LargestBatchBytes(pipeline));
    EXPECT_LE(FillAndEncode(pipeline, strings, value), LargestBatchBytes(pipeline));
  }
}

}  // namespace
}  // namespace sluice::stage
