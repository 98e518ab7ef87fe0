#include "qc/metric_windows.h"

#include <algorithm>
#include <limits>

#include "arrow/array/data.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/schema.h"

namespace sluice::qc {
namespace {

batch::Window Begin(batch::Offset at, const contract::Contract& contract) {
  return {{at, at}, 0, 0, std::vector<int64_t>(contract.metrics.size())};
}

}  // namespace

batch::Offset MetricWindows::EndOf(batch::Offset offset) const {
  const batch::Offset first = offset / size_ * size_;
  return first > std::numeric_limits<int64_t>::max() - size_ ? std::numeric_limits<int64_t>::max()
                                                             : first + size_;
}

absl::Status MetricWindows::Count(const arrow::RecordBatch& rows, const batch::Range& range,
                                  rules::MetricCounter* counter, batch::OpenWindow* open,
                                  std::vector<batch::Window>* closed) const {
  const contract::Contract& contract = counter->contract();
  closed->clear();
  if (contract.metrics.empty()) {
    *open = {};
    return absl::OkStatus();
  }
  if (open->size != size_ || open->contract_hash != contract.content_hash ||
      open->window.range.next != range.first) {
    *open = {size_, contract.content_hash, Begin(range.first, contract)};
  }
  SLUICE_RETURN_IF_ERROR(counter->Bind(rows));
  const auto* offsets = rows.column_data(batch::kOffset)->GetValues<int64_t>(1);
  const int64_t count = rows.num_rows();
  batch::Window& window = open->window;
  for (int64_t row = 0; window.range.next < range.next;) {
    const batch::Offset end = EndOf(window.range.next);
    const batch::Offset stop = std::min(end, range.next);
    const int64_t row_end = std::lower_bound(offsets + row, offsets + count, stop) - offsets;
    counter->Count(row, row_end, &window);
    row = row_end;
    window.range.next = stop;
    if (stop < end) break;
    if (window.read > 0) closed->push_back(std::move(window));
    // Over windows that hold nothing, of which a hole may have any number.
    const batch::Offset news = row < count ? offsets[row] : range.next;
    window = Begin(std::max(stop, news / size_ * size_), contract);
  }
  return absl::OkStatus();
}

}  // namespace sluice::qc
