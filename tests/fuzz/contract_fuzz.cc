// Any bytes as a contract: problems with their places, or a contract that records can be judged by.

#include "base/strings.h"
#include "batch/row_json.h"
#include "contract/contract.h"
#include "problems.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"
#include "seeds.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using contract::Contract;

void CheckContract(const std::shared_ptr<const Contract>& contract, std::string_view body) {
  FUZZ_PROMISE(contract->body == body);
  FUZZ_PROMISE(contract->content_hash.size() == 64);
  FUZZ_PROMISE(!contract->columns.empty() && contract->columns.size() <= contract::kMaxColumns);
  FUZZ_PROMISE(contract->rules.size() <= contract::kMaxRules);
  for (size_t i = 0; i < contract->columns.size(); ++i) {
    FUZZ_PROMISE(contract->FindColumn(contract->columns[i].name) == static_cast<int>(i));
  }
  for (const contract::Rule& rule : contract->rules) {
    FUZZ_PROMISE(!rule.id.empty());
    FUZZ_PROMISE(rule.column.empty() ? rule.column_index == -1
                                     : contract->FindColumn(rule.column) == rule.column_index);
    FUZZ_PROMISE(rule.predicate.type == contract::ValueType::kBoolean ||
                 rule.predicate.type == contract::ValueType::kNull);
  }
  record::RecordParser parser(contract);
  record::BatchBuilder builder(contract);
  parser.Parse("k", "{}", 1, 7, &builder);
  parser.Parse("k", R"({"id":"a"})", 1, 8, &builder);
  // Every array has objects, whatever is in them.
  std::string record = "{";
  for (const contract::Column& column : contract->columns) {
    Append(&record, record.size() == 1 ? "" : ",");
    batch::AppendJsonString(column.name, &record);
    record += R"(:[{"x":1,"y":[{"z":"a"}]},{}])";
  }
  parser.Parse("k", record + "}", 1, 9, &builder);
  rules::RuleEvaluator evaluator(contract);
  rules::Outcome outcome;
  const absl::Status judged = evaluator.Evaluate(*builder.Finish(), &outcome);
  FUZZ_PROMISE(judged.ok(), StdView(judged.message()));
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ReadFolder("tests/data/contracts", ".yaml");
  for (const char* folder : {"tests/data/hostile", "pipelines/telemetry"}) {
    for (std::string& text : ReadFolder(folder, ".odcs.yaml")) seeds.push_back(std::move(text));
  }
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view body = fuzz::View(data, size);
  std::vector<contract::Problem> warnings;
  const auto contract = contract::ParseContract(body, "f.yaml", &warnings);
  if (contract.ok()) {
    fuzz::CheckContract(*contract, body);
  } else {
    FUZZ_PROMISE(contract.status().code() == absl::StatusCode::kInvalidArgument);
    fuzz::CheckProblems(StdView(contract.status().message()), "f.yaml:");
  }
  const auto again = contract::ParseContract(body, "f.yaml");
  FUZZ_PROMISE(again.status() == contract.status());
  if (again.ok()) FUZZ_PROMISE((*again)->content_hash == (*contract)->content_hash);
  return 0;
}
