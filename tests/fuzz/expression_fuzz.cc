// Any bytes as an expression of the rule language: refused with a place, or evaluated to what an
// interpreter that shares nothing with the evaluator says.

#include <fstream>

#include "arrow/api.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"
#include "re2/re2.h"
#include "record/case_file.h"
#include "record/record_parser.h"
#include "rules/interpreter_for_test.h"
#include "rules/rule_evaluator.h"
#include "seeds.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using contract::LogicalType;
using rules::TestRow;
using rules::TestValue;

constexpr size_t kMaxRecordBytes = 300;

/// The hostile records that have columns, as a batch and once more as plain values.
struct Rows {
  std::shared_ptr<const contract::Contract> contract = Contract(kHostileContract);
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<TestRow> values;

  Rows() {
    record::RecordParser parser(contract);
    record::BatchBuilder builder(contract);
    int64_t offset = 0;
    for (const record::HostileRecord& record : record::ReadHostileRecords()) {
      if (record.verdict != "clean" && record.verdict != "failed") continue;
      if (record.value->size() > kMaxRecordBytes) continue;
      parser.Parse(std::nullopt, record.value, 1'710'080'555'000, offset++, &builder);
    }
    batch = builder.Finish();
    for (int64_t row = 0; row < batch->num_rows(); ++row) values.push_back(ValuesOf(row));
  }

  TestRow ValuesOf(int64_t row) const {
    TestRow values;
    const auto& timestamps =
        static_cast<const arrow::TimestampArray&>(*batch->column(batch::kTimestamp));
    if (timestamps.IsValid(row)) values.timestamp_micros = timestamps.Value(row) * 1000;
    for (size_t i = 0; i < contract->columns.size(); ++i) {
      values.columns.push_back(
          ValueOf(*batch->column(batch::kSystemColumns + static_cast<int>(i)), row));
    }
    return values;
  }

  static TestValue ValueOf(const arrow::Array& column, int64_t row) {
    if (column.IsNull(row)) return {};
    switch (column.type_id()) {
      case arrow::Type::STRING:
        return static_cast<const arrow::StringArray&>(column).GetString(row);
      case arrow::Type::DOUBLE:
        return static_cast<const arrow::DoubleArray&>(column).Value(row);
      case arrow::Type::BOOL:
        return static_cast<const arrow::BooleanArray&>(column).Value(row);
      case arrow::Type::DATE32:
        return int64_t{static_cast<const arrow::Date32Array&>(column).Value(row)};
      case arrow::Type::TIME64:
        return static_cast<const arrow::Time64Array&>(column).Value(row);
      case arrow::Type::TIMESTAMP:
        return static_cast<const arrow::TimestampArray&>(column).Value(row);
      default:
        return static_cast<const arrow::Int64Array&>(column).Value(row);
    }
  }
};

const Rows& TheRows() {
  static const auto* const rows = new Rows();
  return *rows;
}

void CheckEvaluation(const contract::Expression& expression) {
  auto contract = std::make_shared<contract::Contract>(*TheRows().contract);
  contract->rules.assign(1, contract::Rule());
  contract->rules[0].id = "rule";
  contract->rules[0].predicate = expression;
  rules::RuleEvaluator evaluator(contract);
  rules::Outcome outcome;
  const absl::Status status = evaluator.Evaluate(*TheRows().batch, &outcome);
  FUZZ_PROMISE(status.ok(), StdView(status.message()));
  for (size_t row = 0; row < TheRows().values.size(); ++row) {
    const bool broken = rules::Interpreter(TheRows().values[row]).Breaks(expression);
    FUZZ_PROMISE(outcome.HasFailedRules(static_cast<int64_t>(row)) == broken,
                 Concat(expression.text, " in row ", row));
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {
      "ratio != 0.1 and (real / 3 > -1e308 or not flag)",
      "text matches '^[a-z]+(x|y)*$' and length(text) between 1 and 10 * tiny",
      "at >= '2024-03-10T00:00:00Z' and date(at) = day",
      "seconds(at) - seconds(_timestamp) <= 600",
      "code in ('A', 'B', \"C\"\"D\") is not null",
      "abs(-big) + small * medium - large <> 9223372036854775807",
      "multiple_of(real, 0.01) = multiple_of(big, 7)",
      "`text` is null or text not in (null, '') or null",
      "case when flag then lower(text) when real % 3 > 1 then trim(code) end like '%a!_%' escape "
      "'!'",
      "coalesce(at - interval '1 day', day, _timestamp) - day > -interval 90 minutes",
      "extract(isodow from at) < 6 and hour(at) between 8 and 17 or time(at) = '12:00'",
      "coalesce(upper(text), lower(code)) = upper(trim(text)) or doy(day) = quarter(at) * 90",
  };
  // The cases of the parser have columns of other names.
  const std::pair<const char*, const char*> names[] = {{"i", "big"},  {"x", "real"}, {"s", "text"},
                                                       {"b", "flag"}, {"d", "day"},  {"t", "at"}};
  for (const char* file : {"cases.txt", "values.txt"}) {
    std::ifstream cases(Concat("tests/data/expressions/", file));
    FUZZ_PROMISE(cases.good());
    for (std::string line; std::getline(cases, line);) {
      if (line.empty() || line[0] == '#') continue;
      line.resize(std::min(line.size(), line.find(" => ")));
      for (const auto& [from, to] : names)
        RE2::GlobalReplace(&line, Concat("\\b", from, "\\b"), to);
      seeds.push_back(line);
    }
  }
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view text = fuzz::View(data, size);
  const std::vector<contract::Column>& columns = fuzz::TheRows().contract->columns;
  contract::ExpressionError error;
  const auto expression = contract::ParseExpression(text, columns, &error);
  if (!expression) {
    FUZZ_PROMISE(!error.message.empty());
    FUZZ_PROMISE(error.offset <= size);
    return 0;
  }
  const std::string written = contract::ToText(*expression, columns);
  const auto again = contract::ParseExpression(written, columns, &error);
  FUZZ_PROMISE(again.has_value(), Concat(written, ": ", error.message));
  FUZZ_PROMISE(contract::ToText(*again, columns) == written, written);
  FUZZ_PROMISE(contract::ViolationText(*expression, columns).size() <= 130);
  fuzz::CheckEvaluation(*expression);
  return 0;
}
