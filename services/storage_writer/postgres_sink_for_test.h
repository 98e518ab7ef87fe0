#pragma once
// A contract, a pipeline and batches with chosen values, for the tests of the PostgreSQL sink.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/api.h"
#include "batch/schema.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "stage/sink.h"

namespace sluice::storage_writer {

inline constexpr int32_t kDay20240131 = 19'753;  // 2024-01-31 in days since 1970-01-01

/// Columns car, trip (integer), speed, moving, day, at; rules: 0 car null, 1 speed > 250, 2 speed >
/// 130 (warning), 3 a row rule over moving and speed.
inline std::shared_ptr<contract::Contract> ContractForSinkTest() {
  auto contract = std::make_shared<contract::Contract>();
  contract->version = "1.0.0";
  contract->content_hash = std::string(64, 'a');
  contract->body = "id: test\n";
  using contract::LogicalType;
  const auto add_column = [&](const char* name, LogicalType type) {
    contract->columns.emplace_back();
    contract->columns.back().name = name;
    contract->columns.back().type = type;
  };
  add_column("car", LogicalType::kString);
  add_column("trip", LogicalType::kInteger);
  contract->columns.back().integer_min = -2147483648;
  contract->columns.back().integer_max = 2147483647;
  contract->columns.back().primary_key = true;
  add_column("speed", LogicalType::kNumber);
  add_column("moving", LogicalType::kBoolean);
  add_column("day", LogicalType::kDate);
  add_column("at", LogicalType::kTimestamp);
  const auto add_rule = [&](const char* id, const char* column, int index, contract::Action action,
                            const char* summary) {
    contract->rules.emplace_back();
    contract::Rule& rule = contract->rules.back();
    rule.id = id;
    rule.column = column;
    rule.column_index = index;
    rule.action = action;
    rule.severity = action == contract::Action::kWarn ? "warning" : "error";
    rule.dimension = "accuracy";
    rule.summary = summary;
  };
  add_rule("car_required", "car", 0, contract::Action::kQuarantine, "car null");
  add_rule("speed_max", "speed", 2, contract::Action::kQuarantine, "speed > 250");
  add_rule("speed_high", "speed", 2, contract::Action::kWarn, "speed > 130");
  add_rule("moving_speed", "", -1, contract::Action::kQuarantine, "moving without speed");
  contract::Expression& predicate = contract->rules.back().predicate;
  predicate.op = contract::Op::kAnd;
  for (const int column : {3, 2}) {
    predicate.args.emplace_back();
    predicate.args.back().op = contract::Op::kColumn;
    predicate.args.back().column = column;
  }
  return contract;
}

inline contract::PipelineConfig PipelineForSinkTest() {
  contract::PipelineConfig pipeline;
  pipeline.name = "test";
  pipeline.source_topic = "raw";
  pipeline.postgres.emplace();
  pipeline.postgres->clean_table = "good";
  pipeline.postgres->failed_table = "bad";
  pipeline.postgres->corrupt_table = "broken";
  pipeline.postgres->audit_view = "audit";
  pipeline.postgres->partition_column = "day";
  return pipeline;
}

struct SinkRow {
  int64_t offset = 0;
  batch::Verdict verdict = batch::Verdict::kClean;
  std::vector<int> broken_rules = {};
  std::optional<std::string> key = std::nullopt;
  std::optional<batch::Reason> reason = std::nullopt;
  std::optional<std::string> raw = std::nullopt;
  std::optional<std::string> car = std::nullopt;
  std::optional<int64_t> trip = std::nullopt;
  std::optional<double> speed = std::nullopt;
  std::optional<bool> moving = std::nullopt;
  std::optional<int32_t> day = std::nullopt;
  std::optional<int64_t> at = std::nullopt;
  std::optional<std::string> extra =
      std::nullopt;  ///< of a seventh column, where the contract has one
};

/// Builds a column of what `get` returns (an optional) for each row.
template <typename Builder, typename Get>
std::shared_ptr<arrow::Array> BuildColumn(Builder&& builder, const std::vector<SinkRow>& rows,
                                          Get get) {
  for (const SinkRow& row : rows) {
    const auto value = get(row);
    (void)(value ? builder.Append(*value) : builder.AppendNull());
  }
  return *builder.Finish();
}

inline std::shared_ptr<arrow::RecordBatch> RowsForSinkTest(const contract::Contract& contract,
                                                           const std::vector<SinkRow>& rows) {
  const auto width = static_cast<size_t>(batch::FailedRulesWidth(contract));
  const auto bits = [&](const SinkRow& row) -> std::optional<std::string> {
    if (row.broken_rules.empty()) return std::nullopt;
    std::string bytes(width, '\0');
    for (const int rule : row.broken_rules)
      bytes[static_cast<size_t>(rule) / 8] |= static_cast<char>(1 << (rule % 8));
    return bytes;
  };
  arrow::TimestampBuilder timestamps(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                     arrow::default_memory_pool());
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                             arrow::default_memory_pool());
  const auto reasons =
      BuildColumn(arrow::Int8Builder(), rows, [](const SinkRow& row) -> std::optional<int8_t> {
        if (!row.reason) return std::nullopt;
        return static_cast<int8_t>(*row.reason);
      });
  arrow::ArrayVector columns = {
      BuildColumn(arrow::Int64Builder(), rows,
                  [](const SinkRow& row) { return std::optional(row.offset); }),
      BuildColumn(timestamps, rows,
                  [](const SinkRow& row) { return std::optional(1'700'000'000'000 + row.offset); }),
      BuildColumn(arrow::BinaryBuilder(), rows, [](const SinkRow& row) { return row.key; }),
      BuildColumn(
          arrow::UInt8Builder(), rows,
          [](const SinkRow& row) { return std::optional(static_cast<uint8_t>(row.verdict)); }),
      *arrow::DictionaryArray::FromArrays(arrow::dictionary(arrow::int8(), arrow::utf8()), reasons,
                                          batch::ReasonDictionary()),
      BuildColumn(arrow::FixedSizeBinaryBuilder(arrow::fixed_size_binary(static_cast<int>(width))),
                  rows, bits),
      BuildColumn(arrow::BinaryBuilder(), rows, [](const SinkRow& row) { return row.raw; }),
      BuildColumn(arrow::Int32Builder(), rows,
                  [](const SinkRow& row) -> std::optional<int32_t> {
                    if (!row.raw) return std::nullopt;
                    return static_cast<int32_t>(row.raw->size());
                  }),
      BuildColumn(arrow::BinaryBuilder(), rows,
                  [](const SinkRow& row) -> std::optional<std::string> {
                    if (!row.raw) return std::nullopt;
                    return std::string(32, 's');
                  }),
      BuildColumn(arrow::StringBuilder(), rows, [](const SinkRow& row) { return row.car; }),
      BuildColumn(arrow::Int64Builder(), rows, [](const SinkRow& row) { return row.trip; }),
      BuildColumn(arrow::DoubleBuilder(), rows, [](const SinkRow& row) { return row.speed; }),
      BuildColumn(arrow::BooleanBuilder(), rows, [](const SinkRow& row) { return row.moving; }),
      BuildColumn(arrow::Date32Builder(), rows, [](const SinkRow& row) { return row.day; }),
      BuildColumn(at, rows, [](const SinkRow& row) { return row.at; }),
  };
  if (contract.columns.size() > 6) {
    columns.push_back(
        BuildColumn(arrow::StringBuilder(), rows, [](const SinkRow& row) { return row.extra; }));
  }
  return arrow::RecordBatch::Make(batch::BatchSchema(contract), static_cast<int64_t>(rows.size()),
                                  std::move(columns));
}

/// A batch [first, next) with counts taken from its rows.
inline stage::AcceptedBatch BatchForSinkTest(std::shared_ptr<const contract::Contract> contract,
                                             int32_t partition, int64_t first, int64_t next,
                                             const std::vector<SinkRow>& rows) {
  stage::AcceptedBatch batch;
  batch.coverage.pipeline = "test";
  batch.coverage.topic = "raw";
  batch.coverage.topic_id = "id-1";
  batch.coverage.partition = partition;
  batch.coverage.range = {first, next};
  batch.coverage.newest_timestamp_ms = 1'700'000'000'000 + next;
  for (const SinkRow& row : rows) ++batch.coverage.counts[static_cast<size_t>(row.verdict)];
  batch.rows = RowsForSinkTest(*contract, rows);
  batch.contract = std::move(contract);
  batch.internal_offset = first / 10;
  return batch;
}

/// Clean rows [first, next), one per offset.
inline std::vector<SinkRow> CleanRows(int64_t first, int64_t next) {
  std::vector<SinkRow> rows;
  for (int64_t offset = first; offset < next; ++offset) {
    SinkRow row;
    row.offset = offset;
    row.car = "car-" + std::to_string(offset % 7);
    row.trip = offset;
    row.speed = 50.5;
    row.moving = true;
    row.day = kDay20240131;
    row.at = 1'706'700'000'000'000 + offset;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sluice::storage_writer
