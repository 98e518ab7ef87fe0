#include "contract/contract.h"

#include <random>

#include "base/strings.h"
#include "contract/case_file_for_test.h"
#include "contract/classification.h"
#include "contract/names.h"
#include "contract/odcs_keys.h"
#include "contract/pipeline.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "re2/re2.h"

namespace sluice::contract {
namespace {

using ::testing::HasSubstr;

/// What every member is, in a contract or in an item.
std::string Describe(const Member& member) {
  std::string text = Concat(TypeName(member), member.item_required ? " that are required" : "",
                            member.required ? " required" : "");
  if (member.type == LogicalType::kInteger)
    Append(&text, " in [", member.integer_min, ", ", member.integer_max, "]");
  return text;
}

void DescribeMembers(const std::string& path, const Member& owner, std::string* text) {
  EXPECT_EQ(owner.members != nullptr, owner.type == LogicalType::kJson);
  if (owner.members == nullptr) return;
  for (const Member& member : *owner.members) {
    const std::string inner = Concat(path, ".", member.name);
    Append(text, "member ", inner, " ", Describe(member), "\n");
    DescribeMembers(inner, member, text);
  }
}

std::string Describe(const Contract& contract) {
  std::string text =
      Concat("contract ", contract.id, " ", contract.version, " table ", contract.table,
             " unknown fields ",
             contract.unknown_fields == UnknownFields::kReject ? "rejected" : "ignored", "\n");
  for (const Column& column : contract.columns) {
    Append(&text, "column ", column.name, " ", TypeName(column),
           column.item_required ? " that are required" : "", column.required ? " required" : "",
           column.primary_key ? " key" : "", column.physical_type.empty() ? "" : " as ",
           column.physical_type);
    if (column.type == LogicalType::kInteger)
      Append(&text, " in [", column.integer_min, ", ", column.integer_max, "]");
    Append(&text, "\n");
    DescribeMembers(column.name, column, &text);
  }
  for (const Rule& rule : contract.rules) {
    Append(&text, "rule ", rule.id, " on ", rule.column.empty() ? "the row" : rule.column, ": ",
           rule.predicate.text, " | ", rule.summary, " | ", Name(rule.action), " ", rule.severity,
           " ", rule.dimension, "\n");
    EXPECT_EQ(rule.column_index, contract.FindColumn(rule.column));
    EXPECT_EQ(rule.predicate.type, ValueType::kBoolean);
  }
  for (const Metric& metric : contract.metrics) {
    Append(&text, "metric ", metric.id, " on ", metric.column.empty() ? "the table" : metric.column,
           ": ", metric.metric, metric.predicate ? " unless " : "",
           metric.predicate ? metric.predicate->text : "", metric.compared.empty() ? "" : " by ",
           contract.NamesOf(metric.compared), " | ", metric.threshold.Text(),
           metric.unit == Metric::Unit::kPercent ? " percent" : " rows", " | ", metric.severity,
           " ", metric.dimension, "\n");
    EXPECT_EQ(metric.column_index, contract.FindColumn(metric.column));
    EXPECT_EQ(metric.predicate.has_value(),
              metric.metric != "rowCount" && metric.metric != "duplicateValues");
    EXPECT_EQ(metric.compared.empty(), metric.metric != "duplicateValues");
  }
  if (const auto& freshness = contract.freshness) {
    const int column = freshness->column_index;
    Append(&text, "freshness ", absl::FormatDuration(freshness->objective), " by ",
           column < 0 ? "event time" : contract.columns[static_cast<size_t>(column)].name, "\n");
  }
  return text;
}

TEST(Contract, TextCases) {
  const auto files = CaseFiles("tests/data/contracts", ".odcs.yaml");
  ASSERT_GE(files.size(), 15u);
  for (const auto& file : files) {
    std::vector<Problem> warnings;
    const std::string body = ReadAll(file);
    auto contract = ParseContract(body, file.filename().string(), &warnings);
    std::string actual;
    if (!warnings.empty()) actual = ToString(warnings) + "\n";
    if (contract.ok()) {
      EXPECT_EQ((*contract)->body, body);
      actual += Describe(**contract);
    } else {
      EXPECT_EQ(contract.status().code(), absl::StatusCode::kInvalidArgument);
      actual += std::string(contract.status().message()) + "\n";
    }
    ExpectCase(file, actual);
  }
}

// A key without a case could be executed or refused in silence.
TEST(Contract, EveryKeyOfTheStandardHasACase) {
  std::string cases;
  for (const auto& file : CaseFiles("tests/data/contracts", ".odcs.yaml")) cases += ReadAll(file);
  for (const KeyTable& table : AllKeys()) {
    for (const KeySpec& spec : table.keys)
      EXPECT_TRUE(re2::RE2::PartialMatch(cases, Concat("(?m)(^|[ {,-])", spec.key, ":")))
          << table.title << " " << spec.key;
  }
}

TEST(Contract, TheManualHasEveryKey) {
  const std::string tables = ContractKeysAsMarkdown();
  EXPECT_THAT(tables, HasSubstr("| `relationships` | refused | "));
  EXPECT_THAT(ReadAll("docs/contract.md"), HasSubstr(tables)) << tables;
}

TEST(Contract, EveryShippedPipelineLoads) {
  for (const auto& entry : std::filesystem::directory_iterator("pipelines")) {
    if (!entry.is_directory()) continue;
    auto pipeline = LoadPipeline(entry.path().string());
    ASSERT_TRUE(pipeline.ok()) << pipeline.status();
    std::vector<Problem> warnings;
    auto contract = LoadContract(pipeline->contract_path, &warnings);
    ASSERT_TRUE(contract.ok()) << contract.status();
    EXPECT_EQ(ToString(warnings), "");
    EXPECT_TRUE(CheckPipeline(*pipeline, **contract).ok());
  }
}

TEST(Contract, ContentHashIsTheSha256OfTheBytes) {
  const std::string body = ReadAll("tests/data/contracts/minimal.odcs.yaml");
  auto contract = ParseContract(body, "x");
  ASSERT_TRUE(contract.ok());
  EXPECT_THAT((*contract)->content_hash, ::testing::MatchesRegex("[0-9a-f]{64}"));
  auto changed = ParseContract(body + "# a comment\n", "x");
  ASSERT_TRUE(changed.ok());
  EXPECT_NE((*changed)->content_hash, (*contract)->content_hash);
}

TEST(Contract, AnyClassificationButPublicAndInternalProtects) {
  const auto is_classified = [](std::string word) {
    Column column;
    column.classification = std::move(word);
    return IsClassified(column);
  };
  for (const char* word : {"", " ", "public", "Public", "INTERNAL", " internal "})
    EXPECT_FALSE(is_classified(word)) << word;
  for (const char* word : {"confidential", "Restricted", "PII", "sensitive", "publicly", "other"})
    EXPECT_TRUE(is_classified(word)) << word;
}

TEST(Contract, MissingFileIsNotFound) {
  EXPECT_EQ(LoadContract("no/such/file.yaml").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadContract("libs").status().code(), absl::StatusCode::kNotFound);  // a folder
}

constexpr char kHead[] =
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: a\nschema:\n"
    "- name: t\n  properties:\n";

TEST(Contract, ClassificationOfAnObjectIsThatOfItsMembersWithoutOne) {
  const auto contract = ParseContract(std::string(kHead) + R"(
  - {name: id, logicalType: string}
  - name: owner
    logicalType: object
    classification: pii
    properties:
    - {name: name, logicalType: string}
    - {name: since, logicalType: date, classification: public}
    - {name: home, logicalType: object, properties: [{name: city, logicalType: string}]}
)",
                                      "x");
  ASSERT_TRUE(contract.ok()) << contract.status();
  std::vector<std::string> classified;
  for (const Column& column : (*contract)->columns) {
    if (IsClassified(column)) classified.push_back(column.name);
  }
  EXPECT_THAT(classified, ::testing::ElementsAre("owner.name", "owner.home.city"));
}

TEST(Contract, ClassificationOfAMemberOfAnItemIsThatOfTheArray) {
  const auto contract = ParseContract(std::string(kHead) + R"(
  - {name: a, logicalType: array, items: {logicalType: object, properties: [
      {name: x, logicalType: string, classification: internal}]}}
  - {name: b, logicalType: array, classification: public, items: {logicalType: object, properties: [
      {name: x, logicalType: string},
      {name: y, logicalType: object, properties: [{name: z, logicalType: string, classification: pii}]}]}}
  - {name: c, logicalType: array, classification: restricted, items: {logicalType: object, properties: [
      {name: x, logicalType: string, classification: pii}]}}
  - {name: d, logicalType: array, classification: internal, items: {logicalType: object, properties: [
      {name: x, logicalType: string, classification: public}]}}
  - name: o
    logicalType: object
    classification: confidential
    properties:
    - {name: e, logicalType: array, items: {logicalType: object, properties: [
        {name: x, logicalType: string, classification: pii}]}}
)",
                                      "x");
  ASSERT_TRUE(contract.ok()) << contract.status();
  std::vector<std::string> words;
  for (const Column& column : (*contract)->columns) words.push_back(column.classification);
  EXPECT_THAT(words, ::testing::ElementsAre("", "pii", "restricted", "internal", "pii"));
}

TEST(Contract, LimitsMembersOfItems) {
  const auto with = [](int members) {
    std::string properties = "{name: o, logicalType: object, properties: [";
    for (int i = 1; i < members; ++i)
      Append(&properties, i == 1 ? "" : ", ", "{name: m", i, ", logicalType: string}");
    return ParseContract(Concat(kHead, "  - {name: a, logicalType: array, items: {logicalType: ",
                                "object, properties: [", properties, "]}]}}\n"),
                         "x")
        .status();
  };
  EXPECT_TRUE(with(kMaxItemMembers).ok()) << with(kMaxItemMembers);
  EXPECT_THAT(std::string(with(kMaxItemMembers + 1).message()),
              HasSubstr("more than 512 members [too-large]"));
}

TEST(Contract, LimitsColumnsAndRules) {
  std::string body = kHead;
  for (int i = 0; i <= kMaxColumns; ++i)
    Append(&body, "  - {name: c", i, ", logicalType: string}\n");
  EXPECT_THAT(std::string(ParseContract(body, "x").status().message()),
              HasSubstr("more than 512 columns [too-large]"));

  body = kHead;
  for (int i = 0; i <= kMaxRules / 4; ++i) {
    Append(&body, "  - {name: c", i,
           ", logicalType: number, logicalTypeOptions: {minimum: 1, maximum: 9, ",
           "exclusiveMinimum: 0, exclusiveMaximum: 10}}\n");
  }
  EXPECT_THAT(std::string(ParseContract(body, "x").status().message()),
              HasSubstr("more than 1024 rules [too-large]"));
}

TEST(Contract, BombsAreRefused) {
  // Ten aliases of ten aliases ...: nothing is ever expanded.
  std::string aliases = "a0: &a0 x\n";
  for (int i = 1; i < 20; ++i) {
    Append(&aliases, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) Append(&aliases, j == 0 ? "" : ", ", "*a", i - 1);
    Append(&aliases, "]\n");
  }
  EXPECT_THAT(std::string(ParseContract(aliases, "x").status().message()),
              HasSubstr("[yaml-alias]"));
  for (const char* nested : {"[", "{a: ", "- ", "? ", "a:\n "}) {
    std::string deep;
    for (int i = 0; i < 20'000; ++i) deep += nested;
    EXPECT_FALSE(ParseContract(deep, "x").ok());
  }
  EXPECT_THAT(std::string(ParseContract(std::string(2 << 20, 'a'), "x").status().message()),
              HasSubstr("[too-large]"));
  EXPECT_FALSE(ParseContract("name: " + std::string(900'000, 'a'), "x").ok());
  std::string expression = kHead;
  expression +=
      "  - {name: c, logicalType: boolean}\n  quality:\n  - {type: custom, engine: sluice, "
      "implementation: {rule: '" +
      std::string(8000, '(') + "'}}\n";
  EXPECT_THAT(std::string(ParseContract(expression, "x").status().message()),
              HasSubstr("nested deeper than 50"));
}

TEST(Contract, AnyBytesGiveAnAnswer) {
  const char* text = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : 20240917;
  std::printf("SLUICE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  std::vector<std::string> corpus;
  for (const auto& file : CaseFiles("tests/data/contracts", ".odcs.yaml"))
    corpus.push_back(ReadAll(file));
  static const char* kPieces[] = {"{", "}", "[",   "]",  ": ", "- ", "\n",   "  ",   "'", "\"",
                                  "|", ">", "&a ", "*a", "#",  "? ", "\xff", "\xc3", "%", "!!x "};
  for (int round = 0; round < 1500; ++round) {
    std::string body = corpus[random() % corpus.size()];
    for (uint64_t edits = random() % 8; edits > 0 && !body.empty(); --edits) {
      const size_t at = random() % body.size();
      switch (random() % 4) {
        case 0:
          body.erase(at, random() % 20);
          break;
        case 1:
          body.insert(at, kPieces[random() % std::size(kPieces)]);
          break;
        case 2:
          body[at] = static_cast<char>(random());
          break;
        default:
          body.insert(at, body.substr(random() % body.size(), random() % 60));
      }
    }
    auto contract = ParseContract(body, "x");
    if (!contract.ok()) {
      EXPECT_EQ(contract.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_FALSE(contract.status().message().empty());
    }
  }
}

TEST(Version, ComparesByNumbers) {
  // In ascending order.
  const std::vector<std::string> versions = {"0.9.9",
                                             "1.0.0-alpha",
                                             "1.0.0-alpha.1",
                                             "1.0.0-alpha.beta",
                                             "1.0.0-rc.2",
                                             "1.0.0-rc.10",
                                             "1.0.0",
                                             "1.0.0+1",
                                             "1.0.1",
                                             "1.2",
                                             "1.10",
                                             "2.0.0",
                                             "10.0.0",
                                             "99999999999999999999.0",
                                             "100000000000000000000.0"};
  for (size_t i = 0; i < versions.size(); ++i) {
    for (size_t j = 0; j < versions.size(); ++j) {
      EXPECT_EQ(CompareVersions(versions[i], versions[j]), i < j   ? -1
                                                           : i > j ? 1
                                                                   : 0)
          << versions[i] << " " << versions[j];
    }
  }
  EXPECT_NE(CompareVersions("1.0", "1.0.0"), 0);  // only the same text is the same version
  EXPECT_EQ(CompareVersions("1.0", "1.0.0"), -CompareVersions("1.0.0", "1.0"));
}

}  // namespace
}  // namespace sluice::contract
