// What libs/contract says about compatibility, held against the engine: a promise is broken by one
// record that one contract accepts and the other does not.

#include <gtest/gtest.h>

#include <array>

#include "base/strings.h"
#include "batch/batch_for_test.h"
#include "contract/compatibility.h"
#include "record/batch_builder.h"
#include "record/record_parser.h"
#include "rules/rule_evaluator.h"

namespace sluice::sample {
namespace {

using contract::Compatibility;
using contract::Contract;

constexpr const char* kTypes[] = {"string", "integer", "number", "boolean", "date", "timestamp"};
constexpr const char* kOptions[][6] = {
    {"", "maxLength: 2", "maxLength: 3", "minLength: 1", "minLength: 2", "pattern: '^x'"},
    {"", "minimum: 0", "minimum: 1", "maximum: 5", "exclusiveMinimum: 0", "format: u8"},
    {"", "minimum: 0", "minimum: 0.5", "maximum: 5", "exclusiveMaximum: 5", "multipleOf: 0.5"},
    {"", "", "", "", "", ""},
    {"", "minimum: 2024-01-01", "minimum: 2024-01-02", "maximum: 2024-01-02", "", ""},
    {"", "minimum: 2024-01-01", "minimum: 2024-01-02", "maximum: 2024-01-02", "", ""}};
constexpr const char* kQuality[] = {"", "", "", "{metric: nullValues, mustBe: 0}",
                                    "{metric: nullValues, mustBe: 0, severity: warning}"};
constexpr const char* kRules[] = {"o.a is not null",
                                  "o.a = a or o.b is null",
                                  "a is null or b is not null",
                                  "b is null",
                                  "a is not null",
                                  "a = b",
                                  "not a = b",
                                  "_timestamp > '2024-01-01'"};
constexpr const char* kItems[] = {"logicalType: integer",
                                  "logicalType: integer, logicalTypeOptions: {format: u8}",
                                  "logicalType: integer, logicalTypeOptions: {maximum: 1}",
                                  "logicalType: integer, logicalTypeOptions: {maximum: 2}",
                                  "logicalType: number",
                                  "logicalType: number, logicalTypeOptions: {minimum: 0}",
                                  "logicalType: string",
                                  "logicalType: string, logicalTypeOptions: {minLength: 2}",
                                  "logicalType: date",
                                  "logicalType: string, required: true",
                                  "logicalType: number, required: true"};
constexpr const char* kArrayOptions[] = {"",
                                         "minItems: 1",
                                         "minItems: 2",
                                         "maxItems: 2",
                                         "uniqueItems: true",
                                         "maxItems: 2, minItems: 1"};
constexpr const char* kArrays[] = {"null",
                                   "[]",
                                   "[1]",
                                   "[0,-1]",
                                   "[1,1]",
                                   "[1,1.0]",
                                   "[null]",
                                   "[1,2]",
                                   "[null,null]",
                                   "[0.5]",
                                   "[1,2,3]",
                                   "[\"x\"]",
                                   "[\"x\",\"y\"]",
                                   "[256]",
                                   "5",
                                   "[9007199254740993,9007199254740992]",
                                   "[\"2024-01-01\"]",
                                   "[1,\"x\"]"};
constexpr const char* kItemMembers[] = {"logicalType: integer",
                                        "logicalType: integer, logicalTypeOptions: {format: u8}",
                                        "logicalType: number",
                                        "logicalType: string",
                                        "logicalType: date",
                                        "logicalType: array, items: {logicalType: integer}",
                                        "logicalType: array, items: {logicalType: number}",
                                        "logicalType: object, properties: [{name: a, "
                                        "logicalType: integer}]",
                                        "logicalType: object, properties: [{name: a, logicalType: "
                                        "integer}, {name: b, logicalType: string}]",
                                        "logicalType: array, items: {logicalType: object, "
                                        "properties: [{name: a, logicalType: number}]}"};
constexpr const char* kItemValues[] = {"null",        "1",         "-1",
                                       "0.5",         "300",       "\"x\"",
                                       "[]",          "[1]",       "[0.5,null]",
                                       "{}",          "{\"a\":1}", "{\"a\":1,\"b\":\"x\"}",
                                       "[{\"a\":1}]", "[{}]",      "\"2024-01-01\""};
constexpr const char* kActions[] = {"warn", "quarantine", "drop", "fail"};
constexpr const char* kValues[] = {"null",
                                   "0",
                                   "1",
                                   "5",
                                   "6",
                                   "-1",
                                   "0.5",
                                   "4.75",
                                   "300",
                                   "9007199254740993",
                                   "true",
                                   "\"\"",
                                   "\"x\"",
                                   "\"xy\"",
                                   "\"abcd\"",
                                   "\"2024-01-01\"",
                                   "\"2024-01-02\"",
                                   "\"2023-12-31\"",
                                   "\"2024-01-01T00:00:00Z\"",
                                   "\"2024-01-02T00:00:01Z\"",
                                   "{}"};

/// The same choices whenever it is made from the same seed, but for one or two that `other` makes.
class Choices {
 public:
  explicit Choices(uint64_t seed, batch::Random* other = nullptr) : same_(seed), other_(other) {
    if (other != nullptr) changed_ = {other->Below(kChoices), other->Below(kChoices)};
  }
  int64_t Below(int64_t n) {
    const int64_t choice = same_.Below(n), at = made_++;
    return at == changed_[0] || at == changed_[1] ? other_->Below(n) : choice;
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  static constexpr int64_t kChoices = 40;  // about as many as a contract takes
  batch::Random same_;
  batch::Random* other_;
  std::array<int64_t, 2> changed_ = {-1, -1};
  int64_t made_ = 0;
};

template <typename Random, size_t N>
const char* Pick(const char* const (&list)[N], Random* random) {
  return list[random->Below(N)];
}

std::string Property(const char* name, Choices* random) {
  const auto type = static_cast<size_t>(random->OneIn(3) ? random->Below(6) : name[0] - 'a' + 1);
  return Concat("{name: ", name, ", logicalType: ", kTypes[type],
                ", required: ", random->OneIn(3) ? "true" : "false", ", logicalTypeOptions: {",
                Pick(kOptions[type], random), "}, quality: [", Pick(kQuality, random), "]}");
}

std::string ItemMember(const char* name, Choices* random) {
  return Concat("{name: ", name, ", ", Pick(kItemMembers, random),
                ", required: ", random->OneIn(3) ? "true" : "false", "}");
}

/// Over the columns a, b and c, the array d, the array e of objects and, in an object, o.a and o.b,
/// some of which it lacks; now and then o is a column.
std::string Body(Choices* random) {
  std::string properties, rules;
  for (const char* name : {"a", "b", "c"}) {
    if (name[0] == 'c' && random->OneIn(2)) continue;
    Append(&properties, "    - ", Property(name, random), "\n");
  }
  if (random->OneIn(2)) {
    Append(&properties,
           "    - {name: d, logicalType: array, required: ", random->OneIn(3) ? "true" : "false",
           ", items: {", Pick(kItems, random), "}, logicalTypeOptions: {",
           Pick(kArrayOptions, random), "}}\n");
  }
  if (random->OneIn(2)) {
    Append(&properties,
           "    - {name: e, logicalType: array, items: {logicalType: object, required: ",
           random->OneIn(3) ? "true" : "false", ", properties: [", ItemMember("a", random));
    if (random->OneIn(2)) Append(&properties, ", ", ItemMember("b", random));
    Append(&properties, "]}, logicalTypeOptions: {", random->OneIn(3) ? "maxItems: 1" : "", "}}\n");
  }
  if (random->OneIn(8)) {
    properties += "    - {name: o, logicalType: string}\n";
  } else if (!random->OneIn(3)) {
    Append(&properties,
           "    - {name: o, logicalType: object, required: ", random->OneIn(3) ? "true" : "false",
           ", properties: [", Property("a", random));
    if (random->OneIn(2)) Append(&properties, ", ", Property("b", random));
    properties += "]}\n";
  }
  for (int id = 0; id < 2; ++id) {
    if (random->OneIn(2)) continue;
    Append(&rules, "    - {id: r", id, ", type: custom, engine: sluice, implementation: {rule: \"",
           Pick(kRules, random), "\", action: ", Pick(kActions, random), "}}\n");
  }
  return Concat(
      "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: a\n",
      random->OneIn(4) ? "customProperties: [{property: unknownFields, value: ignore}]\n" : "",
      "schema:\n- name: t\n  properties:\n", properties, rules.empty() ? "" : "  quality:\n",
      rules);
}

/// Null when a rule does not fit the types of its columns.
std::shared_ptr<const Contract> MakeContract(Choices choices) {
  auto contract = contract::ParseContract(Body(&choices), "x");
  return contract.ok() ? *contract : nullptr;
}

std::string RandomObjects(batch::Random* random) {
  std::string array = "[";
  for (int64_t items = random->Below(3); items > 0; --items) {
    if (array.size() > 1) array += ',';
    if (random->OneIn(8)) {
      array += Pick(kItemValues, random);
      continue;
    }
    array += '{';
    bool empty = true;
    for (const char* name : {"a", "b", "c"}) {
      if (random->OneIn(name[0] == 'c' ? 8 : 2) != (name[0] == 'c')) continue;
      Append(&array, empty ? "" : ",", "\"", name, "\":", Pick(kItemValues, random));
      empty = false;
    }
    array += '}';
  }
  return array + "]";
}

std::vector<std::string> RandomRecords(batch::Random* random) {
  std::vector<std::string> records;
  for (int i = 0; i < 200; ++i) {
    std::string record = "{";
    for (const char* name : {"a", "b", "c"}) {
      if (random->OneIn(4)) continue;
      Append(&record, record.size() == 1 ? "" : ",", "\"", name, "\":", Pick(kValues, random));
    }
    if (!random->OneIn(4))
      Append(&record, record.size() == 1 ? "" : ",", "\"d\":", Pick(kArrays, random));
    if (!random->OneIn(3))
      Append(&record, record.size() == 1 ? "" : ",", "\"e\":", RandomObjects(random));
    if (!random->OneIn(3)) {
      Append(&record, record.size() == 1 ? "" : ",", "\"o\":");
      if (random->OneIn(5)) {
        record += Pick(kValues, random);
      } else {
        Append(&record, "{\"a\":", Pick(kValues, random));
        if (!random->OneIn(3)) Append(&record, ",\"b\":", Pick(kValues, random));
        record += "}";
      }
    }
    records.push_back(record + "}");
  }
  return records;
}

std::vector<bool> Accepted(const std::shared_ptr<const Contract>& contract,
                           const std::vector<std::string>& records) {
  record::RecordParser parser(contract);
  record::BatchBuilder builder(contract);
  rules::RuleEvaluator evaluator(contract);
  for (size_t i = 0; i < records.size(); ++i) {
    parser.Parse(std::nullopt, records[i], 1'704'153'600'000, static_cast<int64_t>(i), &builder);
  }
  rules::Outcome outcome;
  EXPECT_TRUE(evaluator.Evaluate(*builder.Finish(), &outcome).ok());
  std::vector<bool> accepted;
  for (const batch::Verdict verdict : outcome.verdicts)
    accepted.push_back(verdict == batch::Verdict::kClean);
  return accepted;
}

TEST(CompatibilityLawTest, APromiseIsKept) {
  batch::Random random(batch::TestSeed());
  std::array<int, 4> said{};
  int accepted_records = 0;
  for (int round = 0; round < 6000 && !testing::Test::HasFailure(); ++round) {
    const uint64_t seed = random.Next();
    const auto before = MakeContract(Choices(seed));
    // Mostly a neighbour: others have nothing in common.
    const auto after =
        MakeContract(random.OneIn(4) ? Choices(random.Next()) : Choices(seed, &random));
    if (before == nullptr || after == nullptr) continue;
    const contract::Comparison comparison = contract::Compare(*before, *after);
    const Compatibility verdict = comparison.compatibility();
    ++said[static_cast<size_t>(verdict)];
    if (verdict == Compatibility::kNone) continue;
    const std::vector<std::string> records = RandomRecords(&random);
    const std::vector<bool> old = Accepted(before, records), now = Accepted(after, records);
    for (size_t i = 0; i < records.size(); ++i) {
      accepted_records += old[i] || now[i];
      const bool backward = verdict == Compatibility::kBackward || verdict == Compatibility::kFull;
      const bool forward = verdict == Compatibility::kForward || verdict == Compatibility::kFull;
      EXPECT_FALSE((backward && old[i] && !now[i]) || (forward && now[i] && !old[i]))
          << comparison.name() << " is not so: " << records[i] << "\n"
          << comparison.ToString() << "\n"
          << before->body << "\n"
          << after->body;
    }
  }
  for (const int count : said) EXPECT_GT(count, 100);
  EXPECT_GT(accepted_records, 1000);
}

}  // namespace
}  // namespace sluice::sample
