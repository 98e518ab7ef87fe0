#pragma once
// Records judged by one contract: RecordParser, then RuleEvaluator, as the validator and qc run
// them one after the other.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::sample {

/// One thread. Memory is bounded by a batch, as long as its owner calls Finish when Full.
class Judge {
 public:
  Judge(std::shared_ptr<const contract::Contract> contract, const record::Limits& limits);

  const contract::Contract& contract() const { return *contract_; }

  /// One more row of the batch to come; as RecordParser::Parse.
  record::Judgement Add(std::optional<std::string_view> key, std::optional<std::string_view> value,
                        int64_t timestamp_ms, int64_t offset);
  bool Full() const;

  /// Judge the rows added since the last call. They are then in rows(), in the order of Add, and
  /// the judgement on them in outcome(), both until the next call.
  absl::Status Finish();
  const arrow::RecordBatch& rows() const { return *rows_; }
  const rules::Outcome& outcome() const { return outcome_; }

 private:
  std::shared_ptr<const contract::Contract> contract_;
  record::RecordParser parser_;
  record::BatchBuilder builder_;
  rules::RuleEvaluator evaluator_;
  std::shared_ptr<arrow::RecordBatch> rows_;
  rules::Outcome outcome_;
};

}  // namespace sluice::sample
