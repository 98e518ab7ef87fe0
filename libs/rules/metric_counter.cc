#include "rules/metric_counter.h"

#include <algorithm>

#include "arrow/array/data.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/status.h"
#include "batch/schema.h"

namespace sluice::rules {
namespace {

using batch::Verdict;

bool HasColumns(uint8_t verdict) {
  return verdict == static_cast<uint8_t>(Verdict::kValid) ||
         verdict == static_cast<uint8_t>(Verdict::kClean) ||
         verdict == static_cast<uint8_t>(Verdict::kFailed) ||
         verdict == static_cast<uint8_t>(Verdict::kFiltered);
}

}  // namespace

MetricCounter::MetricCounter(std::shared_ptr<const contract::Contract> contract)
    : contract_(std::move(contract)), loader_(*contract_) {
  programs_.reserve(contract_->metrics.size());
  for (const contract::Metric& metric : contract_->metrics) {
    if (metric.predicate) programs_.emplace_back(*metric.predicate, &loader_, &registers_);
  }
  has_columns_.resize(kChunkRows);
  counted_.resize(kChunkRows);
}

absl::Status MetricCounter::Bind(const arrow::RecordBatch& batch) {
  SLUICE_RETURN_IF_ERROR(loader_.Bind(batch));
  if (batch.column_data(batch::kVerdict)->type->id() != arrow::Type::UINT8)
    return absl::InvalidArgumentError("the batch has no column _verdict");
  verdicts_ = batch.column_data(batch::kVerdict)->GetValues<uint8_t>(1);
  return absl::OkStatus();
}

void MetricCounter::Count(int64_t begin, int64_t end, batch::Window* window) {
  window->counted.resize(contract_->metrics.size());
  for (; begin < end; begin += kChunkRows)
    CountChunk(begin, static_cast<int>(std::min<int64_t>(kChunkRows, end - begin)), window);
}

void MetricCounter::Count(const std::vector<uint32_t>& indices,
                          std::vector<batch::Window>* windows) {
  const auto end = static_cast<int64_t>(indices.size());
  for (int64_t begin = 0; begin < end; begin += kChunkRows) {
    const auto rows = static_cast<int>(std::min<int64_t>(kChunkRows, end - begin));
    const uint32_t* chunk = indices.data() + begin;
    // Most often all of them are in one.
    if (*chunk != kNoWindow &&
        std::all_of(chunk, chunk + rows, [&](auto i) { return i == *chunk; }))
      CountChunk(begin, rows, &(*windows)[*chunk]);
    else
      CountChunk(begin, rows, chunk, windows);
  }
}

void MetricCounter::CountChunk(int64_t begin, int rows, const uint32_t* indices,
                               std::vector<batch::Window>* windows) {
  for (int i = 0; i < rows; ++i) {
    has_columns_[i] = indices[i] != kNoWindow && HasColumns(verdicts_[begin + i]);
    if (indices[i] == kNoWindow) continue;
    ++(*windows)[indices[i]].read;
    (*windows)[indices[i]].rows += has_columns_[i];
  }
  loader_.Load(begin, rows);
  auto program = programs_.begin();
  for (size_t metric = 0; metric < contract_->metrics.size(); ++metric) {
    const uint8_t* counted = has_columns_.data();
    if (contract_->metrics[metric].predicate) {
      (program++)->Run(loader_, &registers_, has_columns_.data(), rows, counted_.data());
      counted = counted_.data();
    }
    for (int i = 0; i < rows; ++i) {
      if (counted[i] != 0) ++(*windows)[indices[i]].counted[metric];
    }
  }
}

void MetricCounter::CountChunk(int64_t begin, int rows, batch::Window* window) {
  int with_columns = 0;
  for (int i = 0; i < rows; ++i) {
    has_columns_[i] = HasColumns(verdicts_[begin + i]);
    with_columns += has_columns_[i];
  }
  window->read += rows;
  window->rows += with_columns;
  if (with_columns == 0) return;
  loader_.Load(begin, rows);
  auto program = programs_.begin();
  for (size_t i = 0; i < contract_->metrics.size(); ++i) {
    window->counted[i] +=
        contract_->metrics[i].predicate
            ? (program++)->Run(loader_, &registers_, has_columns_.data(), rows, counted_.data())
            : with_columns;
  }
}

}  // namespace sluice::rules
