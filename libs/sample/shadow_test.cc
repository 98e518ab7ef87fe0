#include "sample/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "sample/trial.h"

namespace sluice::sample {
namespace {

using batch::Verdict;

std::shared_ptr<const contract::Contract> Parse(std::string_view version,
                                                std::string_view properties) {
  auto contract = contract::ParseContract(
      Concat("apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: ", version,
             "\nstatus: active\nschema:\n  - name: o\n    logicalType: object\n    properties:\n",
             properties),
      "o");
  EXPECT_TRUE(contract.ok()) << contract.status();
  return *contract;
}

constexpr char kLive[] =
    "      - {name: a, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 9}}\n"
    "      - {name: b, logicalType: string, logicalTypeOptions: {maxLength: 2}}\n";
constexpr char kCandidate[] =
    "      - {name: a, logicalType: integer, logicalTypeOptions: {maximum: 5}}\n"
    "      - {name: b, logicalType: string, required: true, logicalTypeOptions: {minLength: 1}}\n";

int64_t Records(const ShadowReport& report, Verdict live, Verdict candidate) {
  return report.verdicts[static_cast<size_t>(live)][static_cast<size_t>(candidate)].records;
}

const RuleShift& Rule(const ShadowReport& report, std::string_view id) {
  for (const RuleShift& rule : report.rules) {
    if (rule.id == id) return rule;
  }
  ADD_FAILURE() << "no rule " << id;
  return report.rules.front();
}

std::string ToText(const std::vector<DifferenceExample>& examples) {
  std::string text;
  for (const DifferenceExample& example : examples) {
    Append(&text, example.partition, "@", example.offset, " ", example.column, "=",
           example.value.value_or("null"), ";");
  }
  return text;
}

TEST(ShadowTest, EachDifferenceIsCountedOnceWhereItIs) {
  const auto live = Parse("1.0.0", kLive);
  Shadow shadow(Parse("1.1.0", kCandidate), {{}, 2});
  int64_t offset = 10;
  for (const char* value :
       {R"({"a":3,"b":"x"})", R"({"a":7,"b":"x"})", R"({"a":-1,"b":"x"})", R"({"a":12,"b":"x"})",
        R"({"a":3})", R"({"a":3,"b":"long"})", R"({"a":6,"b":""})", R"({"a":"no","b":"x"})"}) {
    ASSERT_TRUE(shadow.Add(live, {1, offset++, 1000, std::nullopt, value}).ok());
  }
  ASSERT_TRUE(shadow.Add(live, {1, offset++, 1000, std::nullopt, std::nullopt}).ok());
  EXPECT_EQ(shadow.report().records, 0) << "not before Flush";
  ASSERT_TRUE(shadow.Flush().ok());
  ASSERT_TRUE(shadow.Flush().ok());
  const ShadowReport& report = shadow.report();
  EXPECT_EQ(report.records, 9);
  EXPECT_EQ(Records(report, Verdict::kClean, Verdict::kClean), 1);
  EXPECT_EQ(Records(report, Verdict::kClean, Verdict::kFailed), 2);
  EXPECT_EQ(Records(report, Verdict::kClean, Verdict::kCorrupt), 1);
  EXPECT_EQ(Records(report, Verdict::kFailed, Verdict::kClean), 2);
  EXPECT_EQ(Records(report, Verdict::kFailed, Verdict::kFailed), 1);
  EXPECT_EQ(Records(report, Verdict::kCorrupt, Verdict::kCorrupt), 1);
  EXPECT_EQ(Records(report, Verdict::kTombstone, Verdict::kTombstone), 1);
  EXPECT_EQ(report.differing, 5);

  const RuleShift& maximum = Rule(report, "a_maximum");
  EXPECT_EQ(maximum.live, 1);
  EXPECT_EQ(maximum.candidate, 3);
  EXPECT_EQ(maximum.newly, 2);
  EXPECT_EQ(maximum.no_longer, 0);
  EXPECT_EQ(ToText(maximum.newly_examples), "1@11 a=7;1@16 a=6;");
  const RuleShift& minimum = Rule(report, "a_minimum");
  EXPECT_EQ(minimum.no_longer, 1);
  EXPECT_FALSE(minimum.candidate_action);
  EXPECT_EQ(minimum.live_action, contract::Action::kQuarantine);
  EXPECT_EQ(ToText(minimum.no_longer_examples), "1@12 a=-1;");
  EXPECT_EQ(ToText(Rule(report, "b_max_length").no_longer_examples), "1@15 b=long;");
  EXPECT_EQ(ToText(Rule(report, "b_min_length").newly_examples), "1@16 b=;");

  const Shift& missing = report.reasons[static_cast<size_t>(batch::Reason::kMissingField)];
  EXPECT_EQ(missing.newly, 1);
  EXPECT_EQ(ToText(missing.newly_examples), "1@14 b={\"a\":3};");
  const Shift& type = report.reasons[static_cast<size_t>(batch::Reason::kWrongType)];
  EXPECT_EQ(type.live, 1);
  EXPECT_EQ(type.candidate, 1);
  EXPECT_EQ(type.newly + type.no_longer, 0);
}

TEST(ShadowTest, TheLiveContractMayChangeBetweenRecords) {
  const auto first = Parse("1.0.0", kLive);
  const auto second = Parse("1.0.1", kCandidate);
  Shadow shadow(Parse("1.1.0", kCandidate), {});
  for (int64_t offset = 0; offset < 30; ++offset) {
    const bool late = offset % 10 >= 5;
    ASSERT_TRUE(
        shadow.Add(late ? second : first, {0, offset, 1000, std::nullopt, R"({"a":7,"b":"x"})"})
            .ok());
  }
  ASSERT_TRUE(shadow.Flush().ok());
  const ShadowReport& report = shadow.report();
  ASSERT_EQ(report.live.size(), 2u);
  EXPECT_EQ(report.live[0].contract->version, "1.0.0");
  EXPECT_EQ(report.live[0].records, 15);
  EXPECT_EQ(report.live[1].records, 15);
  EXPECT_EQ(Records(report, Verdict::kClean, Verdict::kFailed), 15);
  EXPECT_EQ(Records(report, Verdict::kFailed, Verdict::kFailed), 15);
  EXPECT_EQ(Rule(report, "a_maximum").newly, 15);
  EXPECT_EQ(Rule(report, "a_maximum").newly_examples.size(), 3u) << "examples are bounded";
}

std::string ToText(const std::optional<MetricValues>& values) {
  if (!values) return "-";
  std::string text = Concat(values->asked, ": ", values->failed, " of ", values->windows, " fail, ",
                            values->lowest, " to ", values->highest);
  for (const WindowExample& example : values->examples)
    Append(&text, "; ", example.partition, "@", example.first_offset, "=", example.value);
  return text;
}

TEST(ShadowTest, MetricsAreMeasuredOverTheWindowsOfEachPartition) {
  const auto with = [](std::string_view version, std::string_view metrics) {
    return Parse(
        version,
        Concat("      - name: a\n        logicalType: integer\n        quality:\n", metrics));
  };
  const auto live = with("1.0.0",
                         "          - {id: nulls, metric: nullValues, mustBeLessThan: 3}\n"
                         "          - {id: gone, metric: nullValues, mustBeLessThan: 9}\n");
  ShadowOptions options;
  options.examples = 2;
  options.windows.emplace(contract::WindowSize{10, {}}, absl::ZeroDuration(), "");
  Shadow shadow(
      with("1.1.0",
           "          - {id: nulls, metric: nullValues, mustBeLessThan: 20, unit: percent}\n"
           "          - {id: twice, metric: duplicateValues, mustBe: 0}\n"),
      options);
  // Partition 1 has a null more in each window of ten; its first window begins before offset 5.
  int64_t offsets[] = {0, 5};
  for (int record = 0; record < 100; ++record) {
    const int32_t partition = record / 3 % 2;
    const int64_t offset = offsets[partition]++;
    const std::string value = offset % 10 <= offset / 10 + partition - 1
                                  ? R"({"a":null})"
                                  : Concat("{\"a\":", offset - offset % 10 / 9, "}");
    ASSERT_TRUE(shadow.Add(live, {partition, offset, 1000, std::nullopt, value}).ok());
  }
  ASSERT_TRUE(shadow.Flush().ok());
  const std::vector<MetricShift>& metrics = shadow.report().metrics;
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_EQ(metrics[0].id, "nulls");
  EXPECT_EQ(ToText(metrics[0].live), "mustBeLessThan: 3: 5 of 9 fail, 0 to 5; 1@20=3; 1@30=4");
  EXPECT_EQ(ToText(metrics[0].candidate),
            "mustBeLessThan: 20 percent: 7 of 9 fail, 0 to 50; 1@10=20; 1@20=30");
  EXPECT_EQ(metrics[1].id, "twice");
  EXPECT_EQ(ToText(metrics[1].live), "-");
  EXPECT_EQ(ToText(metrics[1].candidate), "mustBe: 0: 9 of 9 fail, 1 to 1; 0@0=1; 1@10=1");
  EXPECT_EQ(metrics[2].id, "gone");
  EXPECT_EQ(ToText(metrics[2].candidate), "-");
}

/// Records from memory.
class Lines : public Sample {
 public:
  explicit Lines(const std::vector<std::string>& lines) : lines_(lines) {}
  Format format() const override { return Format::kNdjson; }
  absl::StatusOr<bool> Next(Record* record) override {
    if (at_ == lines_.size()) return false;
    *record = {static_cast<int64_t>(at_) + 1, lines_[at_]};
    ++at_;
    return true;
  }

 private:
  const std::vector<std::string>& lines_;
  size_t at_ = 0;
};

TEST(ShadowTest, EachSideIsWhatContractTestSaysOfIt) {
  const auto live = Parse("1.0.0", kLive);
  const auto candidate = Parse("1.1.0", kCandidate);
  batch::Random random(batch::TestSeed());
  std::vector<std::string> lines;
  constexpr const char* kTexts[] = {"\"\"", "\"x\"", "\"long\"", "null", "1"};
  for (int i = 0; i < 10'000; ++i) {  // more than a batch
    lines.push_back(random.OneIn(20) ? "{"
                                     : Concat("{\"a\":", random.Below(16) - 3,
                                              ",\"b\":", kTexts[random.Below(5)], "}"));
  }
  TrialOptions options;
  options.timestamp_ms = 1000;
  Lines for_live(lines);
  Lines for_candidate(lines);
  const auto by_live = TryContract(live, options, &for_live);
  const auto by_candidate = TryContract(candidate, options, &for_candidate);
  ASSERT_TRUE(by_live.ok() && by_candidate.ok());

  Shadow shadow(candidate, {});
  for (size_t i = 0; i < lines.size(); ++i) {
    ASSERT_TRUE(shadow.Add(live, {0, static_cast<int64_t>(i), 1000, std::nullopt, lines[i]}).ok());
  }
  ASSERT_TRUE(shadow.Flush().ok());
  const ShadowReport& report = shadow.report();
  for (int verdict = 0; verdict < batch::kVerdictCount; ++verdict) {
    int64_t as_live = 0;
    int64_t as_candidate = 0;
    for (int other = 0; other < batch::kVerdictCount; ++other) {
      as_live += Records(report, Verdict(verdict), Verdict(other));
      as_candidate += Records(report, Verdict(other), Verdict(verdict));
    }
    EXPECT_EQ(as_live, by_live->Count(Verdict(verdict)));
    EXPECT_EQ(as_candidate, by_candidate->Count(Verdict(verdict)));
  }
  for (size_t rule = 0; rule < live->rules.size(); ++rule) {
    EXPECT_EQ(Rule(report, live->rules[rule].id).live, by_live->rules[rule].failed);
  }
  for (size_t rule = 0; rule < candidate->rules.size(); ++rule) {
    EXPECT_EQ(Rule(report, candidate->rules[rule].id).candidate, by_candidate->rules[rule].failed);
  }
  for (const RuleShift& rule : report.rules) {
    EXPECT_EQ(rule.candidate - rule.live, rule.newly - rule.no_longer) << rule.id;
  }
}

}  // namespace
}  // namespace sluice::sample
