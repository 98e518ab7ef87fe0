#include "rules/metric_counter.h"

#include <algorithm>
#include <utility>

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

MetricCounter::MetricCounter(std::shared_ptr<const contract::Contract> contract, int64_t max_seen)
    : contract_(std::move(contract)), max_seen_(max_seen), loader_(*contract_) {
  for (const contract::Metric& metric : contract_->metrics) {
    Measure& measure = measures_.emplace_back();
    if (metric.predicate) measure.program.emplace(*metric.predicate, &loader_, &registers_);
    if (metric.compared.empty()) continue;
    measure.keys.emplace(metric.compared, *contract_, &loader_);
    measure.memory = comparisons_++;
  }
  has_columns_.resize(kChunkRows);
  counted_.resize(kChunkRows);
  if (comparisons_ > 0) keys_.resize(kChunkRows);
}

absl::Status MetricCounter::Bind(const arrow::RecordBatch& batch) {
  SLUICE_RETURN_IF_ERROR(loader_.Bind(batch));
  if (batch.column_data(batch::kVerdict)->type->id() != arrow::Type::UINT8)
    return absl::InvalidArgumentError("the batch has no column _verdict");
  verdicts_ = batch.column_data(batch::kVerdict)->GetValues<uint8_t>(1);
  return absl::OkStatus();
}

void MetricCounter::Count(int64_t begin, int64_t end, batch::Window* window, WindowMemory* memory) {
  window->counted.resize(contract_->metrics.size());
  Prepare(memory);
  for (; begin < end; begin += kChunkRows)
    CountChunk(begin, static_cast<int>(std::min<int64_t>(kChunkRows, end - begin)), window, memory);
}

void MetricCounter::Count(const std::vector<uint32_t>& indices, std::vector<batch::Window>* windows,
                          std::vector<WindowMemory>* memories) {
  for (WindowMemory& memory : *memories) Prepare(&memory);
  const auto end = static_cast<int64_t>(indices.size());
  for (int64_t begin = 0; begin < end; begin += kChunkRows) {
    const auto rows = static_cast<int>(std::min<int64_t>(kChunkRows, end - begin));
    const uint32_t* chunk = indices.data() + begin;
    // Most often all of them are in one.
    if (*chunk != kNoWindow &&
        std::all_of(chunk, chunk + rows, [&](auto i) { return i == *chunk; }))
      CountChunk(begin, rows, &(*windows)[*chunk], &(*memories)[*chunk]);
    else
      CountChunk(begin, rows, chunk, windows, memories);
  }
}

void MetricCounter::CountChunk(int64_t begin, int rows, const uint32_t* indices,
                               std::vector<batch::Window>* windows,
                               std::vector<WindowMemory>* memories) {
  for (int i = 0; i < rows; ++i) {
    has_columns_[i] = indices[i] != kNoWindow && HasColumns(verdicts_[begin + i]);
    if (indices[i] == kNoWindow) continue;
    ++(*windows)[indices[i]].read;
    (*windows)[indices[i]].rows += has_columns_[i];
  }
  loader_.Load(begin, rows);
  for (size_t metric = 0; metric < measures_.size(); ++metric) {
    Measure& measure = measures_[metric];
    const uint8_t* counted = counted_.data();
    if (measure.program) {
      measure.program->Run(loader_, &registers_, has_columns_.data(), rows, counted_.data());
    } else if (measure.keys) {
      MarkRepeats(&measure, rows, [&](int row) {
        return std::pair(&(*windows)[indices[row]], &(*memories)[indices[row]]);
      });
    } else {
      counted = has_columns_.data();
    }
    for (int i = 0; i < rows; ++i) {
      if (counted[i] != 0) ++(*windows)[indices[i]].counted[metric];
    }
  }
}

void MetricCounter::CountChunk(int64_t begin, int rows, batch::Window* window,
                               WindowMemory* memory) {
  int with_columns = 0;
  for (int i = 0; i < rows; ++i) {
    has_columns_[i] = HasColumns(verdicts_[begin + i]);
    with_columns += has_columns_[i];
  }
  window->read += rows;
  window->rows += with_columns;
  if (with_columns == 0) return;
  loader_.Load(begin, rows);
  for (size_t i = 0; i < measures_.size(); ++i) {
    Measure& measure = measures_[i];
    window->counted[i] +=
        measure.program
            ? measure.program->Run(loader_, &registers_, has_columns_.data(), rows, counted_.data())
        : measure.keys ? MarkRepeats(&measure, rows, [&](int) { return std::pair(window, memory); })
                       : with_columns;
  }
}

/// counted_[i] = 1 for the rows that repeat values. Returns how many do. `memory_of(row)`: the
/// window that the row is in, and what that has seen.
template <typename MemoryOf>
int MetricCounter::MarkRepeats(Measure* measure, int rows, MemoryOf memory_of) {
  measure->keys->Make(loader_, has_columns_.data(), rows, keys_.data(), counted_.data());
  int repeats = 0;
  for (int row = 0; row < rows; ++row) {
    if (counted_[row] == 0) continue;
    const auto [window, memory] = memory_of(row);
    SeenValues& seen = memory->metrics[measure->memory];
    counted_[row] = seen.Repeats(keys_[row], max_seen_);
    repeats += counted_[row];
    window->saturated |= seen.saturated();
  }
  return repeats;
}

}  // namespace sluice::rules
