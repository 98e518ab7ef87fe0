#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "arrow/api.h"
#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "batch/schema.h"
#include "batch/verdict.h"
#include "contract/expression_parser.h"
#include "rules/explanation.h"
#include "rules/rule_evaluator.h"
#include "rules/unique_items.h"
#include "rules/vector_view.h"

namespace sluice::rules {
namespace {

using batch::Random;
using batch::Verdict;
using contract::LogicalType;

/// A contract with an array `a` and these rules.
std::shared_ptr<contract::Contract> ContractOf(LogicalType items,
                                               const std::vector<std::string>& rules) {
  auto contract = std::make_shared<contract::Contract>();
  contract->version = "1.0.0";
  contract->columns.emplace_back();
  contract->columns[0].name = "a";
  contract->columns[0].type = items;
  contract->columns[0].list = true;
  for (const std::string& text : rules) {
    contract::ExpressionError error;
    auto predicate = contract::ParseExpression(text, contract->columns, &error);
    EXPECT_TRUE(predicate.has_value()) << text << ": " << error.message;
    contract::Rule& rule = contract->rules.emplace_back();
    rule.id = rule.summary = text;
    rule.column = "a";
    rule.column_index = 0;
    rule.predicate = *std::move(predicate);
  }
  return contract;
}

/// One rule more: every item keeps `text`.
void AddItemRule(const std::string& text, contract::Contract* contract) {
  contract::ExpressionError error;
  auto condition =
      contract::ParseExpression(text, {contract::ItemColumn(contract->columns[0])}, &error);
  ASSERT_TRUE(condition.has_value()) << text << ": " << error.message;
  contract->rules.push_back(contract->rules.front());
  contract->rules.back().predicate = contract::EveryItem(0, *std::move(condition));
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const contract::Contract& contract,
                                            const std::shared_ptr<arrow::Array>& lists) {
  const auto schema = batch::BatchSchema(contract);
  arrow::ArrayVector arrays;
  for (int field = 0; field < batch::kSystemColumns; ++field)
    arrays.push_back(*arrow::MakeArrayOfNull(schema->field(field)->type(), lists->length()));
  arrow::UInt8Builder verdicts;
  for (int64_t i = 0; i < lists->length(); ++i)
    EXPECT_TRUE(verdicts.Append(static_cast<uint8_t>(Verdict::kValid)).ok());
  arrays[batch::kVerdict] = *verdicts.Finish();
  arrays.push_back(lists);
  return arrow::RecordBatch::Make(schema, lists->length(), std::move(arrays));
}

template <typename Value>
using Items = std::vector<std::optional<Value>>;

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> Lists(const std::shared_ptr<Builder>& items,
                                    const std::vector<std::optional<Items<Value>>>& rows) {
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  for (const auto& row : rows) {
    EXPECT_TRUE((row ? lists.Append() : lists.AppendNull()).ok());
    if (!row) continue;
    for (const auto& item : *row)
      EXPECT_TRUE((item ? items->Append(*item) : items->AppendNull()).ok());
  }
  return *lists.Finish();
}

template <typename Value>
bool IsUnique(const Items<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (std::find(items.begin(), items.begin() + static_cast<ptrdiff_t>(i), items[i]) !=
        items.begin() + static_cast<ptrdiff_t>(i))
      return false;
  }
  return true;
}

/// Random arrays, more than a chunk of them, also as a slice: as the plainest code judges them.
template <typename Builder, typename Value, typename Make>
void ExpectAsThePlainestCode(LogicalType type, const std::shared_ptr<Builder>& builder,
                             Make value) {
  const auto contract =
      ContractOf(type, {"cardinality(a) >= 3", "unique_items(a)", "a is not null"});
  AddItemRule("item is not null", contract.get());
  Random random(batch::TestSeed());
  std::vector<std::optional<Items<Value>>> rows(2 * kChunkRows + 5);
  int unique = 0;
  for (auto& row : rows) {
    if (random.OneIn(8)) continue;
    row.emplace();
    const int64_t count = random.OneIn(3) ? random.Below(40) : random.Below(6);
    for (int64_t i = 0; i < count; ++i) {
      row->push_back(random.OneIn(30) ? std::nullopt : std::optional<Value>(value(&random)));
    }
    unique += count > 20 && IsUnique(*row) ? 1 : 0;
  }
  if (type != LogicalType::kBoolean) {
    EXPECT_GT(unique, 0);
  }
  const auto batch = BatchOf(*contract, Lists<Builder, Value>(builder, rows));
  for (const int64_t from : {0, 3}) {
    RuleEvaluator evaluator(contract);
    Outcome outcome;
    ASSERT_TRUE(evaluator.Evaluate(*batch->Slice(from), &outcome).ok());
    for (size_t i = static_cast<size_t>(from); i < rows.size(); ++i) {
      const auto bits = outcome.FailedRules(static_cast<int64_t>(i) - from);
      ASSERT_EQ(IsBroken(bits, 0), rows[i] && rows[i]->size() < 3) << i;
      ASSERT_EQ(IsBroken(bits, 1), rows[i] && !IsUnique(*rows[i])) << i;
      ASSERT_EQ(IsBroken(bits, 2), !rows[i]) << i;
      ASSERT_EQ(IsBroken(bits, 3),
                rows[i] && std::count(rows[i]->begin(), rows[i]->end(), std::nullopt) > 0)
          << i;
    }
  }
}

TEST(ArrayRules, Integers) {
  ExpectAsThePlainestCode<arrow::Int64Builder, int64_t>(
      LogicalType::kInteger, std::make_shared<arrow::Int64Builder>(), [](Random* random) {
        return random->OneIn(9) ? std::numeric_limits<int64_t>::max() - random->Below(9)
                                : random->Below(1000);
      });
}

TEST(ArrayRules, Numbers) {
  ExpectAsThePlainestCode<arrow::DoubleBuilder, double>(
      LogicalType::kNumber, std::make_shared<arrow::DoubleBuilder>(), [](Random* random) {
        return random->OneIn(20) ? -0.0 : 0.25 * static_cast<double>(random->Below(1000));
      });
}

TEST(ArrayRules, Texts) {
  ExpectAsThePlainestCode<arrow::StringBuilder, std::string>(
      LogicalType::kString, std::make_shared<arrow::StringBuilder>(), [](Random* random) {
        return random->OneIn(20) ? std::string(static_cast<size_t>(random->Below(3)), 'x')
                                 : Concat(random->Below(1000));
      });
}

TEST(ArrayRules, Booleans) {
  ExpectAsThePlainestCode<arrow::BooleanBuilder, bool>(
      LogicalType::kBoolean, std::make_shared<arrow::BooleanBuilder>(),
      [](Random* random) { return random->OneIn(2); });
}

TEST(ArrayRules, Dates) {
  ExpectAsThePlainestCode<arrow::Date32Builder, int32_t>(
      LogicalType::kDate, std::make_shared<arrow::Date32Builder>(),
      [](Random* random) { return static_cast<int32_t>(random->Below(1000)); });
}

TEST(ArrayRules, ZerosAreAlikeAndNaNIsNobodysLike) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const size_t more : {0, 40}) {
    Items<double> zeros = {0.0, -0.0}, nans = {nan, nan};
    for (size_t i = 0; i < more; ++i) {
      zeros.insert(zeros.begin(), static_cast<double>(i + 1));
      nans.insert(nans.begin(), static_cast<double>(i + 1));
    }
    const auto lists = Lists<arrow::DoubleBuilder, double>(std::make_shared<arrow::DoubleBuilder>(),
                                                           {zeros, nans});
    const auto& items = *static_cast<const arrow::ListArray&>(*lists).values()->data();
    const auto middle = static_cast<int64_t>(zeros.size());
    EXPECT_FALSE(HasUniqueItems(items, 0, middle));
    EXPECT_TRUE(HasUniqueItems(items, middle, 2 * middle));
  }
}

TEST(ArrayRules, EveryItemHasToKeepARuleOfItems) {
  const auto contract = ContractOf(LogicalType::kInteger, {"a is not null"});
  AddItemRule("item between 10 and 5000", contract.get());
  AddItemRule("item % 2 = 0", contract.get());
  Items<int64_t> many;
  for (int64_t i = 0; i < 3 * kChunkRows; ++i) many.emplace_back(10 + 2 * (i % 2000));
  Items<int64_t> last_is_odd = many;
  last_is_odd.back() = 4999;
  const std::vector<std::optional<Items<int64_t>>> rows = {Items<int64_t>{},
                                                           std::nullopt,
                                                           Items<int64_t>{10, std::nullopt, 5000},
                                                           Items<int64_t>{9},
                                                           many,
                                                           last_is_odd,
                                                           Items<int64_t>{12, 5001},
                                                           Items<int64_t>{14}};
  const std::vector<std::pair<bool, bool>> broken = {{false, false}, {false, false}, {false, false},
                                                     {true, true},   {false, false}, {false, true},
                                                     {true, true},   {false, false}};
  const auto batch = BatchOf(*contract, Lists<arrow::Int64Builder, int64_t>(
                                            std::make_shared<arrow::Int64Builder>(), rows));
  for (const size_t from : {0u, 3u, 5u}) {
    RuleEvaluator evaluator(contract);
    Outcome outcome;
    ASSERT_TRUE(evaluator.Evaluate(*batch->Slice(static_cast<int64_t>(from)), &outcome).ok());
    for (size_t i = from; i < rows.size(); ++i) {
      const auto bits = outcome.FailedRules(static_cast<int64_t>(i - from));
      EXPECT_EQ(IsBroken(bits, 1), broken[i].first) << i;
      EXPECT_EQ(IsBroken(bits, 2), broken[i].second) << i;
    }
  }
}

TEST(ArrayRules, WhatARuleLookedAtIsJson) {
  const auto contract = ContractOf(LogicalType::kString, {"cardinality(a) >= 3"});
  Items<std::string> many;
  for (int i = 0; i < 1000; ++i) many.emplace_back("item");
  const auto batch = BatchOf(*contract, Lists<arrow::StringBuilder, std::string>(
                                            std::make_shared<arrow::StringBuilder>(),
                                            {Items<std::string>{"a", std::nullopt, "\"\n"},
                                             Items<std::string>{}, std::nullopt, many}));
  EXPECT_EQ(OffendingValue(*contract, *batch, 0, 0), R"(["a",null,"\"\u000a"])");
  EXPECT_EQ(OffendingValue(*contract, *batch, 1, 0), "[]");
  EXPECT_EQ(OffendingValue(*contract, *batch, 2, 0), std::nullopt);
  const std::string cut = OffendingValue(*contract, *batch, 3, 0).value();
  EXPECT_EQ(cut.size(), kMaxValueBytes);
  EXPECT_EQ(cut.substr(cut.size() - 3), "...");
  RuleEvaluator evaluator(contract);
  const auto results = Explain(&evaluator, *batch, 1);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE((*results)[0].passed);
  EXPECT_EQ((*results)[0].value, "[]");
}

TEST(ArrayRules, ObjectsAreCounted) {
  const auto contract = ContractOf(LogicalType::kJson, {"cardinality(a) >= 2", "a is not null"});
  const auto batch = BatchOf(*contract, Lists<arrow::StringBuilder, std::string>(
                                            std::make_shared<arrow::StringBuilder>(),
                                            {Items<std::string>{R"({"b":"\"x"})", std::nullopt},
                                             Items<std::string>{}, std::nullopt}));
  RuleEvaluator evaluator(contract);
  Outcome outcome;
  ASSERT_TRUE(evaluator.Evaluate(*batch, &outcome).ok());
  EXPECT_EQ(outcome.verdicts, (std::vector{Verdict::kClean, Verdict::kFailed, Verdict::kFailed}));
  EXPECT_EQ(outcome.failed, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(OffendingValue(*contract, *batch, 0, 0), R"([{"b":"\"x"},null])");
  EXPECT_EQ(OffendingValue(*contract, *batch, 1, 0), "[]");
  EXPECT_EQ(OffendingValue(*contract, *batch, 2, 0), std::nullopt);
}

}  // namespace
}  // namespace sluice::rules
