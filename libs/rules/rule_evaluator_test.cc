#include "rules/rule_evaluator.h"

#include <cinttypes>
#include <cstdio>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "arrow/api.h"
#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "contract/case_file_for_test.h"
#include "contract/expression_parser.h"
#include "contract/expression_text.h"
#include "contract/string_format.h"
#include "contract/timestamp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rules/explanation.h"
#include "rules/interpreter_for_test.h"

namespace sluice::rules {
namespace {

using batch::Random;
using batch::Verdict;
using contract::Action;
using contract::Contract;
using contract::Expression;
using contract::LogicalType;
using ::testing::ElementsAre;

/// Two columns of each type, so that columns meet columns.
std::shared_ptr<Contract> EmptyContract() {
  auto contract = std::make_shared<Contract>();
  contract->version = "1.0.0";
  const std::pair<const char*, LogicalType> columns[] = {
      {"i", LogicalType::kInteger},   {"j", LogicalType::kInteger},
      {"x", LogicalType::kNumber},    {"y", LogicalType::kNumber},
      {"s", LogicalType::kString},    {"odd name", LogicalType::kString},
      {"b", LogicalType::kBoolean},   {"c", LogicalType::kBoolean},
      {"d", LogicalType::kDate},      {"e", LogicalType::kDate},
      {"t", LogicalType::kTimestamp}, {"u", LogicalType::kTimestamp},
      {"clock", LogicalType::kTime},  {"bell", LogicalType::kTime},
  };
  for (const auto& [name, type] : columns) {
    contract->columns.emplace_back();
    contract->columns.back().name = name;
    contract->columns.back().type = type;
  }
  return contract;
}

void AddRule(Contract* contract, const std::string& text, Action action = Action::kQuarantine,
             const std::string& column = "") {
  contract::ExpressionError error;
  std::optional<Expression> predicate = contract::ParseExpression(text, contract->columns, &error);
  ASSERT_TRUE(predicate.has_value()) << text << ": " << error.message << " at " << error.offset;
  contract::Rule rule;
  rule.id = Concat("rule_", contract->rules.size());
  rule.column = column;
  rule.column_index = contract->FindColumn(column);
  rule.action = action;
  rule.summary = contract::ViolationText(*predicate, contract->columns);
  rule.predicate = *std::move(predicate);
  contract->rules.push_back(std::move(rule));
}

/// Small values meet each other often; the large ones look for the edges.
class Chance : public Random {
 public:
  using Random::Random;

  int64_t Integer() {
    switch (Below(8)) {
      case 0:
        return std::numeric_limits<int64_t>::max() - Below(2);
      case 1:
        return std::numeric_limits<int64_t>::min() + Below(2);
      case 2:
        return static_cast<int64_t>(Next());
      default:
        return Below(11) - 5;
    }
  }
  double Number() {
    switch (Below(8)) {
      case 0:
        return 1e308;
      case 1:
        return -1e308;
      case 2:
        return 0.01 * static_cast<double>(Below(1000));
      case 3:
        return -0.0;
      default:
        return 0.5 * static_cast<double>(Below(11) - 5);
    }
  }
  std::string Text() {
    static const char* kTexts[] = {"",
                                   "a",
                                   "ab",
                                   "b",
                                   "Ünï",
                                   "日本",
                                   "it's",
                                   "\U0001F697 car",
                                   "aaaaaaaaaaaaaaaaaaaaaaaaab",
                                   " a",
                                   "A b ",
                                   "a%b",
                                   "a_b",
                                   "\\a\\",
                                   "ÜNÏ",
                                   "a\nb"};
    return kTexts[Below(std::size(kTexts))];
  }
  int64_t Day() { return 19'792 + Below(7) - 3; }  // around 2024-03-10
  int64_t Micros() {
    const int64_t midnight = Day() * 86'400'000'000;
    return OneIn(3) ? midnight : midnight + Below(86'400'000'000);
  }
};

TestValue RandomValue(Chance* chance, LogicalType type) {
  switch (type) {
    case LogicalType::kString:
      return chance->Text();
    case LogicalType::kInteger:
      return chance->Integer();
    case LogicalType::kNumber:
      return chance->Number();
    case LogicalType::kBoolean:
      return chance->OneIn(2);
    case LogicalType::kDate:
      return chance->OneIn(20) ? chance->Below(2'000'000'000) - 1'000'000'000 : chance->Day();
    case LogicalType::kTimestamp:
      return chance->Micros();
    case LogicalType::kTime:
      return chance->OneIn(3) ? chance->Below(24) * 3'600'000'000 : chance->Below(86'400'000'000);
    case LogicalType::kJson:  // of arrays only
      break;
  }
  return {};
}

/// Writes random expressions as text, well typed.
class ExpressionWriter {
 public:
  ExpressionWriter(Chance* chance, const Contract& contract)
      : chance_(chance), contract_(contract) {}

  std::string Condition(int depth) {
    if (depth <= 0) return Simple(0);
    switch (chance_->Below(9)) {
      case 0:
        return Concat("(", Condition(depth - 1), ") and (", Condition(depth - 1), ") and ",
                      Simple(depth));
      case 1:
        return Concat("(", Condition(depth - 1), ") or ", Condition(depth - 1));
      case 2:
        return Concat("not (", Condition(depth - 1), ")");
      case 3:
        return Concat("(", Condition(depth - 1), ") ", chance_->OneIn(2) ? "=" : "<>", " (",
                      Condition(depth - 1), ")");
      case 4:
        return Concat("(", Condition(depth - 1), ") is ", chance_->OneIn(2) ? "not " : "", "null");
      case 5:
        return Concat(Condition(depth - 1), " or null");
      default:
        return Simple(depth);
    }
  }

 private:
  std::string Column(LogicalType type) {
    const int which = static_cast<int>(chance_->Below(2));
    int seen = 0;
    for (const contract::Column& column : contract_.columns) {
      if (column.type == type && seen++ == which) return contract::QuoteName(column.name);
    }
    return "";
  }

  std::string Literal(LogicalType type) {
    std::string text;
    const TestValue value = RandomValue(chance_, type);
    switch (type) {
      case LogicalType::kInteger:
        return Concat(std::get<int64_t>(value));
      case LogicalType::kNumber:
        return contract::NumberText(std::get<double>(value));
      case LogicalType::kBoolean:
        return std::get<bool>(value) ? "true" : "false";
      case LogicalType::kString:
        text = std::get<std::string>(value);
        break;
      case LogicalType::kDate:
        contract::AppendDate(chance_->Day(), &text);
        break;
      case LogicalType::kTimestamp:
        contract::AppendTimestamp(std::get<int64_t>(value), &text);
        break;
      case LogicalType::kTime:
        contract::AppendTimeOfDay(std::get<int64_t>(value), &text);
        break;
      case LogicalType::kJson:
        break;
    }
    return Concat("\"", text, "\"");
  }

  std::string Value(LogicalType type, int depth) {
    if (depth > 0 && chance_->OneIn(8)) return Choice(type, depth - 1);
    if (depth > 0 && chance_->OneIn(2)) {
      if (type == LogicalType::kInteger && chance_->OneIn(4)) return Part(depth - 1);
      if (type == LogicalType::kString) {
        static const char* kFunctions[] = {"lower", "upper", "trim"};
        return Concat(kFunctions[chance_->Below(3)], "(", Value(type, depth - 1), ")");
      }
      if (type == LogicalType::kTimestamp) {
        const bool first = chance_->OneIn(4);
        return Concat("(", first ? Interval(0) + " + " : "", Value(Time(), depth - 1),
                      first               ? ""
                      : chance_->OneIn(2) ? " + "
                                          : " - ",
                      first ? "" : Interval(depth - 1), ")");
      }
      const bool number = type == LogicalType::kNumber;
      if (number && chance_->OneIn(6)) return Concat("seconds(", Value(Time(), depth - 1), ")");
      if (!number && type == LogicalType::kInteger && chance_->OneIn(6))
        return Concat("length(", Column(LogicalType::kString), ")");
      if (type == LogicalType::kDate)
        return Concat("date(", Value(LogicalType::kTimestamp, 0), ")");
      if (number || type == LogicalType::kInteger) {
        const char* ops[] = {" + ", " - ", " * ", " % "};
        const char* op = number && chance_->OneIn(3) ? " / " : ops[chance_->Below(4)];
        const std::string right = chance_->OneIn(4) ? Concat("-(", Value(type, depth - 1), ")")
                                                    : Concat("abs(", Value(type, depth - 1), ")");
        return Concat("(", Value(type, depth - 1), op, right, ")");
      }
    }
    if (type == LogicalType::kTimestamp && chance_->OneIn(5)) return "_timestamp";
    if (type == LogicalType::kTime && depth > 0 && chance_->OneIn(3))
      return Concat("time(", Value(LogicalType::kTimestamp, depth - 1), ")");
    return chance_->OneIn(3) && type != LogicalType::kDate && type != LogicalType::kTimestamp &&
                   type != LogicalType::kTime
               ? Literal(type)
               : Column(type);
  }

  /// A value of `type` out of several; with numbers and times of the kinds that mix.
  std::string Choice(LogicalType type, int depth) {
    LogicalType other = type;
    if (type == LogicalType::kNumber && chance_->OneIn(2)) other = LogicalType::kInteger;
    if (type == LogicalType::kTimestamp && chance_->OneIn(2)) other = LogicalType::kDate;
    const std::string first = Value(type, depth);
    if (chance_->OneIn(2)) {
      return Concat("coalesce(", first, ", ", Value(other, depth),
                    chance_->OneIn(3) ? ", null)" : ")");
    }
    return Concat(
        "case when ", Condition(depth), " then ", first,
        chance_->OneIn(2) ? Concat(" when ", Condition(0), " then ", Value(other, 0)) : "",
        chance_->OneIn(2) ? Concat(" else ", Value(other, depth)) : "", " end");
  }

  std::string Part(int depth) {
    static const char* kDayParts[] = {"year", "quarter", "month", "day", "isodow", "doy"};
    static const char* kTimeParts[] = {"hour", "minute", "second"};
    if (chance_->OneIn(3)) {
      const LogicalType type = chance_->OneIn(2) ? LogicalType::kTime : LogicalType::kTimestamp;
      return Concat(kTimeParts[chance_->Below(3)], "(", Value(type, depth), ")");
    }
    return Concat("extract(", kDayParts[chance_->Below(6)], " from ", Value(Time(), depth), ")");
  }

  std::string Interval(int depth) {
    if (depth > 0 && chance_->OneIn(4))
      return Concat("(", Value(LogicalType::kTime, depth - 1), " - ", Column(LogicalType::kTime),
                    ")");
    if (depth > 0 && chance_->OneIn(2))
      return Concat("abs(", Value(Time(), depth - 1), " - ", Value(Time(), depth - 1), ")");
    static const char* kUnits[] = {"microseconds", "seconds", "hours", "days"};
    return Concat(chance_->OneIn(3) ? "-" : "", "interval '", chance_->Below(50), " ",
                  kUnits[chance_->Below(4)], "'");
  }

  std::string Intervals(int depth) {
    static const char* kOps[] = {" = ", " < ", " >= "};
    switch (chance_->Below(4)) {
      case 0:
        return Concat("time(", Value(LogicalType::kTimestamp, depth), ")", kOps[chance_->Below(3)],
                      "'12:00'");
      case 1:
        return Concat("seconds(", Interval(depth), ") > ", Value(LogicalType::kNumber, depth));
      case 2:
        return Concat(Interval(depth), " between ", Interval(0), " and ", Interval(depth));
      default:
        return Concat("(", Value(Time(), depth), " - ", Value(Time(), depth), ")",
                      kOps[chance_->Below(3)], Interval(depth));
    }
  }

  std::string Like(const std::string& negation, int depth) {
    static const char* kPatterns[] = {"'a%'",
                                      "'%b'",
                                      "'%a%'",
                                      "'_'",
                                      "''",
                                      "'%'",
                                      "'a\\_%'",
                                      "'_b%'",
                                      "'%\\%%'",
                                      "'Ü__'",
                                      "'a%b%'",
                                      "'a!%b' escape '!'",
                                      "'\\a\\' escape ''",
                                      "'%_a%'"};
    return Concat(Value(LogicalType::kString, depth), " ", negation, "like ",
                  kPatterns[chance_->Below(std::size(kPatterns))]);
  }

  LogicalType Time() { return chance_->OneIn(2) ? LogicalType::kDate : LogicalType::kTimestamp; }

  std::string Simple(int depth) {
    static const LogicalType kTypes[] = {
        LogicalType::kString, LogicalType::kInteger,   LogicalType::kNumber, LogicalType::kBoolean,
        LogicalType::kDate,   LogicalType::kTimestamp, LogicalType::kTime};
    const LogicalType type = kTypes[chance_->Below(7)];
    LogicalType other = type;
    if (type == LogicalType::kInteger && chance_->OneIn(2)) other = LogicalType::kNumber;
    if (type == LogicalType::kDate && chance_->OneIn(2)) other = LogicalType::kTimestamp;
    const std::string negation = chance_->OneIn(3) ? "not " : "";
    switch (chance_->Below(7)) {
      case 0:
        return Concat(Value(type, depth), " is ", negation, "null");
      case 1:
        return In(type, other, negation, depth);
      case 2:
        if (type == LogicalType::kBoolean) break;
        return Concat(Value(type, depth), " ", negation, "between ", Value(other, depth), " and ",
                      Value(type, depth));
      case 3:
        if (type == LogicalType::kDate || type == LogicalType::kTimestamp) return Intervals(depth);
        if (type != LogicalType::kString) break;
        if (chance_->OneIn(2)) return Like(negation, depth);
        return Concat(Value(type, depth), " ", negation, "matches '^[a-zÜ]+'");
      case 4:
        if (type == LogicalType::kInteger)
          return Concat("multiple_of(", Value(type, depth), ", 3)");
        if (type == LogicalType::kNumber)
          return Concat("multiple_of(", Value(type, depth), ", 0.01)");
        break;
      default:
        break;
    }
    if (type == LogicalType::kBoolean)
      return Concat(Column(type), chance_->OneIn(2) ? " = " : " != ", Value(type, 0));
    static const char* kOps[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    const std::string left = Value(type, depth);
    const std::string right = chance_->OneIn(3) ? Literal(other) : Value(other, depth);
    return Concat(left, kOps[chance_->Below(6)], right);
  }

  std::string In(LogicalType type, LogicalType other, const std::string& negation, int depth) {
    std::string list;
    for (int64_t n = chance_->Below(12); n >= 0; --n) {
      Append(&list, list.empty() ? "" : ", ", Literal(n % 3 == 0 ? other : type));
    }
    const bool computed = type == LogicalType::kInteger || type == LogicalType::kNumber;
    const std::string value =
        computed && depth > 0 ? Concat("abs(", Value(type, depth - 1), ")") : Column(type);
    return Concat(value, " ", negation, "in (", list, ")");
  }

  Chance* chance_;
  const Contract& contract_;
};

std::shared_ptr<arrow::Array> ColumnArray(LogicalType type, const std::vector<TestRow>& rows,
                                          size_t column) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  EXPECT_TRUE(
      arrow::MakeBuilder(arrow::default_memory_pool(), batch::ArrowType(type), &builder).ok());
  for (const TestRow& row : rows) {
    const TestValue& value = row.columns[column];
    if (std::holds_alternative<std::monostate>(value)) {
      EXPECT_TRUE(builder->AppendNull().ok());
      continue;
    }
    arrow::Status status;
    switch (type) {
      case LogicalType::kString:
        status = static_cast<arrow::StringBuilder&>(*builder).Append(std::get<std::string>(value));
        break;
      case LogicalType::kInteger:
        status = static_cast<arrow::Int64Builder&>(*builder).Append(std::get<int64_t>(value));
        break;
      case LogicalType::kNumber:
        status = static_cast<arrow::DoubleBuilder&>(*builder).Append(std::get<double>(value));
        break;
      case LogicalType::kBoolean:
        status = static_cast<arrow::BooleanBuilder&>(*builder).Append(std::get<bool>(value));
        break;
      case LogicalType::kDate:
        status = static_cast<arrow::Date32Builder&>(*builder).Append(
            static_cast<int32_t>(std::get<int64_t>(value)));
        break;
      case LogicalType::kTime:
        status = static_cast<arrow::Time64Builder&>(*builder).Append(std::get<int64_t>(value));
        break;
      case LogicalType::kTimestamp:
        status = static_cast<arrow::TimestampBuilder&>(*builder).Append(std::get<int64_t>(value));
        break;
      case LogicalType::kJson:
        break;
    }
    EXPECT_TRUE(status.ok());
  }
  return *builder->Finish();
}

/// A batch of these rows; the system columns that rules do not read are null or zero.
std::shared_ptr<arrow::RecordBatch> MakeBatch(const Contract& contract,
                                              const std::vector<TestRow>& rows,
                                              const std::vector<Verdict>& verdicts) {
  const int64_t n = static_cast<int64_t>(rows.size());
  auto schema = batch::BatchSchema(contract);
  arrow::ArrayVector arrays;
  for (int field = 0; field < batch::kSystemColumns; ++field) {
    if (field == batch::kVerdict) {
      arrow::UInt8Builder builder;
      for (Verdict verdict : verdicts)
        EXPECT_TRUE(builder.Append(static_cast<uint8_t>(verdict)).ok());
      arrays.push_back(*builder.Finish());
    } else if (field == batch::kTimestamp) {
      arrow::TimestampBuilder builder(schema->field(field)->type(), arrow::default_memory_pool());
      for (const TestRow& row : rows) {
        const auto* micros = std::get_if<int64_t>(&row.timestamp_micros);
        EXPECT_TRUE(
            (micros == nullptr ? builder.AppendNull() : builder.Append(*micros / 1000)).ok());
      }
      arrays.push_back(*builder.Finish());
    } else {
      arrays.push_back(*arrow::MakeArrayOfNull(schema->field(field)->type(), n));
    }
  }
  for (size_t i = 0; i < contract.columns.size(); ++i) {
    // Those that are not null have a test of their own.
    arrays.push_back(contract.columns[i].list
                         ? *arrow::MakeArrayOfNull(batch::ArrowType(contract.columns[i]), n)
                         : ColumnArray(contract.columns[i].type, rows, i));
  }
  return arrow::RecordBatch::Make(schema, n, std::move(arrays));
}

std::vector<TestRow> RandomRows(Chance* chance, const Contract& contract, int64_t n) {
  // Some columns never null (no bitmap at all), some mostly.
  std::vector<int64_t> null_one_in;
  for (size_t i = 0; i <= contract.columns.size(); ++i)
    null_one_in.push_back(chance->OneIn(3) ? 1'000'000'000 : 2 + chance->Below(9));
  std::vector<TestRow> rows(n);
  for (TestRow& row : rows) {
    for (size_t i = 0; i < contract.columns.size(); ++i) {
      row.columns.push_back(chance->OneIn(null_one_in[i])
                                ? TestValue()
                                : RandomValue(chance, contract.columns[i].type));
    }
    row.timestamp_micros =
        chance->OneIn(null_one_in.back()) ? TestValue() : TestValue(chance->Micros() / 1000 * 1000);
  }
  return rows;
}

void ExpectSameAsInterpreter(const Contract& contract, const std::vector<TestRow>& rows,
                             const std::vector<Verdict>& verdicts, int64_t first,
                             const Outcome& outcome) {
  std::vector<int64_t> evaluated(contract.rules.size()), failed(contract.rules.size());
  int64_t breaker_row = -1;
  for (size_t i = 0; i < outcome.verdicts.size(); ++i) {
    const TestRow& row = rows[first + i];
    Verdict expected = verdicts[first + i];
    if (expected == Verdict::kValid) {
      bool bad = false, dropped = false;
      for (size_t r = 0; r < contract.rules.size(); ++r) {
        const contract::Rule& rule = contract.rules[r];
        const bool broken = Interpreter(row).Breaks(rule.predicate);
        ++evaluated[r];
        failed[r] += broken;
        ASSERT_EQ(IsBroken(outcome.FailedRules(i), static_cast<int>(r)), broken)
            << rule.predicate.text << " in row " << i;
        bad |= broken && (rule.action == Action::kQuarantine || rule.action == Action::kFail);
        dropped |= broken && rule.action == Action::kDrop;
        if (broken && rule.action == Action::kFail && breaker_row < 0)
          breaker_row = static_cast<int64_t>(i);
      }
      expected = bad ? Verdict::kFailed : dropped ? Verdict::kFiltered : Verdict::kClean;
    } else {
      ASSERT_FALSE(outcome.HasFailedRules(i));
    }
    ASSERT_EQ(outcome.verdicts[i], expected) << "row " << i;
  }
  EXPECT_EQ(outcome.evaluated, evaluated);
  EXPECT_EQ(outcome.failed, failed);
  EXPECT_EQ(outcome.breaker_row, breaker_row);
}

TEST(RuleEvaluator, AgreesWithAnIndependentInterpreter) {
  const uint64_t seed = batch::TestSeed();
  Outcome outcome;  // reused, as the service does
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(Concat("seed ", seed, " round ", round));
    Chance chance(seed + round * 1'000'003);
    auto contract = EmptyContract();
    ExpressionWriter writer(&chance, *contract);
    const Action actions[] = {Action::kWarn, Action::kQuarantine, Action::kDrop, Action::kFail};
    for (int64_t n = chance.Below(20); n >= 0; --n) {
      ASSERT_NO_FATAL_FAILURE(AddRule(contract.get(),
                                      writer.Condition(static_cast<int>(chance.Below(4))),
                                      actions[chance.Below(4)]));
    }
    const int64_t n = chance.OneIn(4) ? 1500 + chance.Below(1000) : chance.Below(60);
    const std::vector<TestRow> rows = RandomRows(&chance, *contract, n);
    std::vector<Verdict> verdicts(n);
    for (Verdict& verdict : verdicts)
      verdict = chance.OneIn(5) ? static_cast<Verdict>(chance.Below(batch::kVerdictCount))
                                : Verdict::kValid;
    auto batch = MakeBatch(*contract, rows, verdicts);
    RuleEvaluator evaluator(contract);
    ASSERT_TRUE(evaluator.Evaluate(*batch, &outcome).ok());
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsInterpreter(*contract, rows, verdicts, 0, outcome));
    // A slice: every buffer now has an offset, and no bitmap begins at a byte.
    const int64_t first = n == 0 ? 0 : chance.Below(n);
    ASSERT_TRUE(evaluator.Evaluate(*batch->Slice(first), &outcome).ok());
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsInterpreter(*contract, rows, verdicts, first, outcome));
  }
}

TEST(RuleEvaluator, TextOfAnExpressionParsesToTheSameExpression) {
  Chance chance(batch::TestSeed());
  auto contract = EmptyContract();
  ExpressionWriter writer(&chance, *contract);
  for (int round = 0; round < 500; ++round) {
    const std::string text = writer.Condition(3);
    contract::ExpressionError error;
    auto first = contract::ParseExpression(text, contract->columns, &error);
    ASSERT_TRUE(first.has_value()) << text << ": " << error.message;
    const std::string written = contract::ToText(*first, contract->columns);
    auto second = contract::ParseExpression(written, contract->columns, &error);
    ASSERT_TRUE(second.has_value()) << written << ": " << error.message;
    EXPECT_EQ(contract::ToText(*second, contract->columns), written) << text;
  }
}

/// What `expression` is for a record of ours that has no values.
std::string Judged(const std::string& expression) {
  auto contract = EmptyContract();
  contract->columns.emplace_back();
  contract->columns.back().name = "tags";
  contract->columns.back().list = true;
  std::string result;
  for (const char* form : {"", "not "}) {
    contract::ExpressionError error;
    auto parsed =
        contract::ParseExpression(Concat(form, "(", expression, ")"), contract->columns, &error);
    if (!parsed.has_value()) return Concat("!", error.message);
    contract->rules.emplace_back().predicate = *std::move(parsed);
  }
  TestRow row;
  row.columns.resize(contract->columns.size());
  RuleEvaluator evaluator(contract);
  Outcome outcome;
  EXPECT_TRUE(evaluator.Evaluate(*MakeBatch(*contract, {row}, {Verdict::kValid}), &outcome).ok());
  const bool is_false = IsBroken(outcome.FailedRules(0), 0);
  const bool is_true = IsBroken(outcome.FailedRules(0), 1);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_EQ(Interpreter(row).Breaks(contract->rules[i].predicate), i == 0 ? is_false : is_true);
  return is_false ? "false" : is_true ? "true" : "null";
}

/// A contract with one column `v` of a string format.
std::shared_ptr<const Contract> WithFormat(const std::string& format) {
  return *contract::ParseContract(
      Concat("{apiVersion: v3.1.0, kind: DataContract, id: x, version: 1.0.0, status: a, schema: "
             "[{name: t, properties: [{name: v, logicalType: string, logicalTypeOptions: {format: ",
             format, "}}]}]}"),
      "x");
}

// tests/data/formats/strings.txt: `value => yes` or `no` under the format's name.
TEST(RuleEvaluator, StringFormatCases) {
  std::istringstream lines(contract::ReadAll("tests/data/formats/strings.txt"));
  std::string line;
  std::shared_ptr<const Contract> contract;
  std::map<std::string, int> cases;
  std::string format;
  while (std::getline(lines, line)) {
    if (line.empty() || line[0] == '#') continue;
    if (line.substr(0, 3) == "== ") {
      format = line.substr(3);
      contract = WithFormat(format);
      continue;
    }
    const size_t arrow = line.rfind(" => ");
    ASSERT_NE(arrow, std::string::npos) << line;
    TestRow row;
    row.columns.emplace_back(line.substr(0, arrow));
    RuleEvaluator evaluator(contract);
    Outcome outcome;
    ASSERT_TRUE(evaluator.Evaluate(*MakeBatch(*contract, {row}, {Verdict::kValid}), &outcome).ok());
    const std::string expected = line.substr(arrow + 4);
    EXPECT_EQ(outcome.HasFailedRules(0) ? "no" : "yes", expected) << format << ": " << line;
    ++cases[Concat(format, " ", expected)];
  }
  for (const contract::StringFormat& known : contract::StringFormats()) {
    EXPECT_GE(cases[Concat(known.name, " yes")], 2) << known.name;
    EXPECT_GE(cases[Concat(known.name, " no")], 2) << known.name;
  }
}

// Every line of the manual's examples, and of a file with the corners: `expression => result`.
TEST(RuleEvaluator, ValueCases) {
  int cases = 0;
  for (const char* file : {"docs/rules.md", "tests/data/expressions/values.txt"}) {
    std::istringstream lines(contract::ReadAll(file));
    std::string line;
    while (std::getline(lines, line)) {
      const size_t arrow = line.rfind(" => ");
      if (arrow == std::string::npos || line[0] == '#' || line[0] == '|') continue;
      ++cases;
      const std::string expression = line.substr(0, line.find_last_not_of(' ', arrow) + 1);
      EXPECT_EQ(Judged(expression), line.substr(arrow + 4)) << file << ": " << line;
    }
  }
  EXPECT_GT(cases, 100);
}

TestRow Row(std::vector<std::pair<int, TestValue>> values) {
  TestRow row;
  row.columns.resize(14);
  for (auto& [column, value] : values) row.columns[column] = std::move(value);
  return row;
}

TEST(RuleEvaluator, JudgesBySeverity) {
  auto contract = EmptyContract();
  AddRule(contract.get(), "i <= 10", Action::kWarn, "i");
  AddRule(contract.get(), "i <= 20", Action::kDrop, "i");
  AddRule(contract.get(), "i <= 30", Action::kQuarantine, "i");
  AddRule(contract.get(), "i <= 40", Action::kFail, "i");
  AddRule(contract.get(), "i is not null", Action::kQuarantine, "i");
  std::vector<TestRow> rows;
  for (int64_t i : {5, 15, 25, 35, 45, 55}) rows.push_back(Row({{0, i}}));
  rows.push_back(Row({}));
  rows.push_back(Row({}));
  std::vector<Verdict> verdicts(8, Verdict::kValid);
  verdicts.back() = Verdict::kCorrupt;
  auto batch = MakeBatch(*contract, rows, verdicts);
  RuleEvaluator evaluator(contract);
  Outcome outcome;
  ASSERT_TRUE(evaluator.Evaluate(*batch, &outcome).ok());
  EXPECT_THAT(outcome.verdicts,
              ElementsAre(Verdict::kClean, Verdict::kClean, Verdict::kFiltered, Verdict::kFailed,
                          Verdict::kFailed, Verdict::kFailed, Verdict::kFailed, Verdict::kCorrupt));
  EXPECT_THAT(outcome.failed_rules, ElementsAre(0, 0b1, 0b11, 0b111, 0b1111, 0b1111, 0b10000, 0));
  EXPECT_THAT(outcome.evaluated, ElementsAre(7, 7, 7, 7, 7));
  EXPECT_THAT(outcome.failed, ElementsAre(5, 4, 3, 2, 1));
  EXPECT_EQ(outcome.breaker_row, 4);
  EXPECT_EQ(outcome.breaker_rule, 3);
  EXPECT_EQ(Summary(*contract, outcome.FailedRules(6)), "i null");
  EXPECT_EQ(Summary(*contract, outcome.FailedRules(4)), "i > 20, i > 30, i > 40");
  EXPECT_EQ(Summary(*contract, outcome.FailedRules(1)), "");
  EXPECT_EQ(Summary(*contract, outcome.FailedRules(1), /*with_warnings=*/true), "i > 10");
}

TEST(RuleEvaluator, RefusesABatchOfAnotherContract) {
  auto contract = EmptyContract();
  AddRule(contract.get(), "i < 3 and x > 1");
  auto other = EmptyContract();
  other->columns[0].type = LogicalType::kNumber;
  RuleEvaluator evaluator(contract);
  Outcome outcome;
  absl::Status status = evaluator.Evaluate(*MakeBatch(*other, {}, {}), &outcome);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("column i is double"));
  other->columns.pop_back();
  EXPECT_EQ(evaluator.Evaluate(*MakeBatch(*other, {}, {}), &outcome).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Explanation, ShowsValues) {
  auto contract = EmptyContract();
  AddRule(contract.get(), "x <= 250", Action::kQuarantine, "x");
  AddRule(contract.get(), "t >= d or b", Action::kQuarantine);
  AddRule(contract.get(), "length(s) < 300", Action::kQuarantine, "s");
  std::string text(255, 'a');
  text += "日本";
  auto batch = MakeBatch(
      *contract, {Row({{2, 250.5}, {4, text}, {6, false}, {10, int64_t{1'710'080'555'250'000}}})},
      {Verdict::kClean});
  RuleEvaluator evaluator(contract);
  auto results = Explain(&evaluator, *batch, 0);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 3u);
  EXPECT_FALSE((*results)[0].passed);
  EXPECT_EQ((*results)[0].value, "250.5");
  EXPECT_TRUE((*results)[1].passed);  // null
  EXPECT_EQ((*results)[1].value, "t = 2024-03-10T14:22:35.250Z, d = null, b = false");
  EXPECT_TRUE((*results)[2].passed);
  EXPECT_EQ((*results)[2].value, std::string(253, 'a') + "...");
  EXPECT_EQ(OffendingValue(*contract, *batch, 0, 3), std::nullopt);
  EXPECT_EQ(Explain(&evaluator, *batch, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::rules
