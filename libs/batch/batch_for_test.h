#pragma once
// Batches and chance for tests. Whoever uses it links GoogleTest.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/api.h"
#include "batch/coverage.h"
#include "batch/schema.h"
#include "batch/verdict.h"
#include "contract/contract.h"

namespace sluice::batch {

/// splitmix64: cheap to seed once per case, so that a failing case is reproduced by its own number.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [0, n).
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

/// The seed of this run: SLUICE_TEST_SEED, else a fixed one. Printed, to be repeated.
inline uint64_t TestSeed() {
  const char* text = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : 20240917;
  std::printf("SLUICE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

/// A contract with one column of each type and `rules` rules, made by hand.
inline std::shared_ptr<const contract::Contract> ContractForTest(int rules = 3) {
  auto contract = std::make_shared<contract::Contract>();
  contract->version = "1.0.0";
  contract->content_hash = std::string(64, 'a');
  const auto add = [&](const char* name, contract::LogicalType type) {
    contract::Column column;
    column.name = name;
    column.type = type;
    contract->columns.push_back(column);
  };
  add("car", contract::LogicalType::kString);
  add("trip", contract::LogicalType::kInteger);
  add("speed", contract::LogicalType::kNumber);
  add("moving", contract::LogicalType::kBoolean);
  add("day", contract::LogicalType::kDate);
  add("at", contract::LogicalType::kTimestamp);
  contract->rules.resize(static_cast<size_t>(rules));
  return contract;
}

/// What a row of RowsForTest says beside its columns, which are functions of the offset.
struct RowForTest {
  Offset offset = 0;
  Verdict verdict = Verdict::kValid;
  std::optional<Reason> reason;    ///< makes the columns null and fills `_raw`
  std::optional<int> failed_rule;  ///< sets this bit of `_failed_rules`
};

inline arrow::Result<std::shared_ptr<arrow::RecordBatch>> RowsForTest(
    const contract::Contract& contract, const std::vector<RowForTest>& rows) {
  arrow::Int64Builder offset;
  arrow::TimestampBuilder timestamp(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                    arrow::default_memory_pool());
  arrow::BinaryBuilder key, raw, sha256;
  arrow::UInt8Builder verdict;
  arrow::Int8Builder reason;
  arrow::FixedSizeBinaryBuilder failed(arrow::fixed_size_binary(FailedRulesWidth(contract)));
  arrow::Int32Builder raw_length;
  arrow::StringBuilder car;
  arrow::Int64Builder trip;
  arrow::DoubleBuilder speed;
  arrow::BooleanBuilder moving;
  arrow::Date32Builder day;
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                             arrow::default_memory_pool());
  for (const RowForTest& row : rows) {
    const Offset n = row.offset;
    ARROW_RETURN_NOT_OK(offset.Append(n));
    ARROW_RETURN_NOT_OK(n % 11 == 10 ? timestamp.AppendNull()
                                     : timestamp.Append(1'700'000'000'000 + n));
    ARROW_RETURN_NOT_OK(n % 3 == 2 ? key.AppendNull() : key.Append("key-" + std::to_string(n)));
    ARROW_RETURN_NOT_OK(verdict.Append(static_cast<uint8_t>(row.verdict)));
    ARROW_RETURN_NOT_OK(row.reason ? reason.Append(static_cast<int8_t>(*row.reason))
                                   : reason.AppendNull());
    if (row.failed_rule) {
      std::string bits(static_cast<size_t>(FailedRulesWidth(contract)), '\0');
      bits[static_cast<size_t>(*row.failed_rule / 8)] =
          static_cast<char>(1 << (*row.failed_rule % 8));
      ARROW_RETURN_NOT_OK(failed.Append(bits));
    } else {
      ARROW_RETURN_NOT_OK(failed.AppendNull());
    }
    const bool columns = !row.reason && row.verdict != Verdict::kTombstone;
    ARROW_RETURN_NOT_OK(row.reason ? raw.Append("{broken " + std::to_string(n)) : raw.AppendNull());
    ARROW_RETURN_NOT_OK(row.reason ? raw_length.Append(9) : raw_length.AppendNull());
    ARROW_RETURN_NOT_OK(row.reason ? sha256.Append(std::string(32, 's')) : sha256.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 5 != 4 ? car.Append("car " + std::to_string(n % 7))
                                              : car.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 7 != 6 ? trip.Append(n * 1000) : trip.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 4 != 3 ? speed.Append(0.5 * static_cast<double>(n))
                                              : speed.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 6 != 5 ? moving.Append(n % 2 == 0) : moving.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 9 != 8 ? day.Append(static_cast<int32_t>(19000 + n))
                                              : day.AppendNull());
    ARROW_RETURN_NOT_OK(columns && n % 8 != 7 ? at.Append(1'700'000'000'000'000 + n)
                                              : at.AppendNull());
  }
  ARROW_ASSIGN_OR_RAISE(auto indices, reason.Finish());
  ARROW_ASSIGN_OR_RAISE(auto reasons, arrow::DictionaryArray::FromArrays(
                                          arrow::dictionary(arrow::int8(), arrow::utf8()), indices,
                                          ReasonDictionary()));
  arrow::ArrayVector columns;
  const auto finish = [&](arrow::ArrayBuilder& builder) {
    columns.emplace_back();
    return builder.Finish(&columns.back());
  };
  for (arrow::ArrayBuilder* builder :
       std::initializer_list<arrow::ArrayBuilder*>{&offset, &timestamp, &key, &verdict}) {
    ARROW_RETURN_NOT_OK(finish(*builder));
  }
  columns.push_back(reasons);
  for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{
           &failed, &raw, &raw_length, &sha256, &car, &trip, &speed, &moving, &day, &at}) {
    ARROW_RETURN_NOT_OK(finish(*builder));
  }
  return arrow::RecordBatch::Make(BatchSchema(contract), static_cast<int64_t>(rows.size()),
                                  std::move(columns));
}

}  // namespace sluice::batch
