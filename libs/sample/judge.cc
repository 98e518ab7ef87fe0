#include "sample/judge.h"

#include "arrow/record_batch.h"

namespace sluice::sample {
namespace {

constexpr int64_t kBatchRows = 4096;
constexpr int64_t kBatchBytes = int64_t{8} << 20;

}  // namespace

Judge::Judge(std::shared_ptr<const contract::Contract> contract, const record::Limits& limits)
    : contract_(contract), parser_(contract, limits), builder_(contract), evaluator_(contract) {}

record::Judgement Judge::Add(std::optional<std::string_view> key,
                             std::optional<std::string_view> value, int64_t timestamp_ms,
                             int64_t offset) {
  return parser_.Parse(key, value, timestamp_ms, offset, &builder_);
}

bool Judge::Full() const {
  return builder_.rows() >= kBatchRows || builder_.bytes() >= kBatchBytes;
}

absl::Status Judge::Finish() {
  rows_ = builder_.Finish();
  return evaluator_.Evaluate(*rows_, &outcome_);
}

}  // namespace sluice::sample
