#include "sample/inference.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>

#include "base/status.h"
#include "batch/row_json.h"
#include "contract/names.h"
#include "sample/member_facts.h"

namespace sluice::sample {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kExamples = 3;
// Beyond so many different members a record is a dictionary, not a row.
constexpr size_t kMaxMembers = 10'000;
constexpr int64_t kRowsKept = 1024;
constexpr size_t kShownLeftOut = 50;  // in the contract's comment

/// A contract that any usable record fits: what it refuses, every contract refuses.
std::shared_ptr<const contract::Contract> AnyRecord() {
  auto contract = std::make_shared<contract::Contract>();
  contract->version = "1.0.0";
  contract->unknown_fields = contract::UnknownFields::kIgnore;
  return contract;
}

/// In quotes unless it is a plain word that YAML takes for nothing else.
std::string YamlText(std::string_view text) {
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n"};
  const bool plain =
      !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
      std::all_of(text.begin(), text.end(),
                  [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }) &&
      std::none_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) {
        return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == b;
        });
      });
  if (plain) return std::string(text);
  std::string quoted;
  batch::AppendJsonString(text, &quoted);  // YAML reads JSON's strings
  return quoted;
}

std::string Head(std::string_view name, std::string_view custom_properties) {
  return Concat("apiVersion: v3.1.0\nkind: DataContract\nid: ", YamlText(name),
                "\nversion: 0.1.0\nstatus: draft\n", custom_properties,
                "schema:\n  - name: ", YamlText(name),
                "\n    logicalType: object\n    properties:\n");
}

/// Why no column can have this name; empty: it can. The compiler of contracts is asked.
std::string WhyNoColumn(std::string_view name) {
  std::vector<contract::Problem> problems;
  const auto contract = contract::CompileContract(
      Concat(Head("x", ""), "      - {name: ", YamlText(name), ", logicalType: string}\n"), "",
      &problems);
  if (contract == nullptr) return problems.front().message;
  return contract->columns[0].name == name ? "" : "YAML cannot write its name";
}

class Inferrer {
 public:
  Inferrer(const InferenceOptions& options, bool cells)
      : options_(options),
        cells_(cells),
        any_record_(AnyRecord()),
        checker_(any_record_, options.limits),
        checked_(any_record_) {}

  absl::StatusOr<Inference> Run(Sample* sample) {
    Record record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool found, sample->Next(&record));
      if (!found) break;
      SLUICE_RETURN_IF_ERROR(Look(record));
    }
    if (result_.records > 0) Write();
    return std::move(result_);
  }

 private:
  absl::Status Look(const Record& record) {
    const record::Judgement judgement = checker_.Parse(std::nullopt, record.value, 0, 0, &checked_);
    if (checked_.rows() >= kRowsKept) checked_.Clear();
    if (judgement.reason) {
      if (result_.unusable++ < static_cast<int64_t>(kExamples)) {
        result_.examples.push_back({record.line, "", std::string(batch::Name(*judgement.reason))});
      }
      return absl::OkStatus();
    }
    ++result_.records;
    const simdjson::padded_string json(record.value.data(), record.value.size());
    if (LookInside(json)) return absl::OkStatus();
    return absl::InternalError(Concat("cannot read the record at line ", record.line));
  }

  bool LookInside(const simdjson::padded_string& json) {
    ondemand::document document;
    ondemand::object object;
    if (parser_.iterate(json).get(document) != simdjson::SUCCESS) return false;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto field : object) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
      MemberFacts* const facts = FactsOf(key);
      ondemand::value value;
      if (field.value().get(value) != simdjson::SUCCESS) return false;
      if (facts != nullptr && !AddValue(value, facts)) return false;
    }
    return true;
  }

  bool AddValue(ondemand::value value, MemberFacts* facts) {
    ondemand::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    switch (type) {
      case ondemand::json_type::null:
        break;
      case ondemand::json_type::boolean:
        facts->AddBoolean();
        break;
      case ondemand::json_type::number: {
        std::string_view token = value.raw_json_token();
        token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
        facts->AddNumber(token);
        break;
      }
      case ondemand::json_type::string: {
        std::string_view text;
        if (value.get_string().get(text) != simdjson::SUCCESS) return false;
        cells_ ? facts->AddCell(text) : facts->AddText(text);
        break;
      }
      default:
        facts->AddNested();
    }
    return true;
  }

  MemberFacts* FactsOf(std::string_view name) {
    const auto known = by_name_.find(name);
    if (known != by_name_.end()) return known->second;
    if (members_.size() == kMaxMembers) {
      too_many_members_ = true;
      return nullptr;
    }
    MemberFacts& facts = members_.emplace_back(name);
    by_name_.emplace(facts.name(), &facts);
    return &facts;
  }

  void Write() {
    std::string columns, left_out;
    int count = 0;
    for (const MemberFacts& facts : members_) {
      const std::string why =
          count == contract::kMaxColumns
              ? Concat("a table has at most ", contract::kMaxColumns, " columns")
          : !facts.Type() ? facts.WhyNoType()
                          : WhyNoColumn(facts.name());
      if (why.empty()) {
        WriteColumn(facts, &columns);
        ++count;
      } else {
        std::string name;
        batch::AppendJsonString(std::string_view(facts.name()).substr(0, 200), &name);
        result_.left_out.push_back(name);
        if (result_.left_out.size() <= kShownLeftOut)
          Append(&left_out, "#   ", name, ": ", why, "\n");
      }
    }
    if (result_.left_out.size() > kShownLeftOut) {
      Append(&left_out, "#   and ", result_.left_out.size() - kShownLeftOut, " more\n");
    }
    if (too_many_members_) left_out += "#   and more members than a record should have\n";
    if (count == 0) {
      // A table has a column: one that is always null.
      std::string name = "nothing_usable";
      while (by_name_.contains(name)) name += '_';
      columns = Concat("      - {name: ", name, ", logicalType: string}\n");
    }
    WriteFile(columns, left_out);
  }

  void WriteColumn(const MemberFacts& facts, std::string* out) const {
    const contract::LogicalType type = *facts.Type();
    const std::string seen = facts.Seen();
    Append(out, "      - name: ", YamlText(facts.name()), seen.empty() ? "" : "  # seen: ", seen,
           "\n        logicalType: ", contract::Name(type), "\n");
    if (type == contract::LogicalType::kInteger)
      *out += "        logicalTypeOptions: {format: i64}\n";
    if (facts.values() == result_.records) *out += "        required: true\n";
    const std::vector<std::string> values = facts.FewValues();
    if (values.empty()) return;
    *out +=
        "        quality:\n          - {metric: invalidValues, mustBe: 0, severity: warning, "
        "arguments: {validValues: [";
    for (size_t i = 0; i < values.size(); ++i) {
      std::string quoted;
      batch::AppendJsonString(values[i], &quoted);
      Append(out, i == 0 ? "" : ", ", quoted);
    }
    *out += "]}}\n";
  }

  void WriteFile(const std::string& columns, const std::string& left_out) {
    std::string source;
    batch::AppendJsonString(options_.source, &source);
    std::string& text = result_.contract;
    text = Concat("# Made from ", result_.records, " records of ", source,
                  ". Read it before you use it: types and `required` are what these\n"
                  "# records show; bounds and rules are yours to add.\n");
    std::string ignored;
    if (!left_out.empty()) {
      ignored = Concat(
          "# These members have no column, so fields that the contract does not name "
          "are ignored:\n",
          left_out, "customProperties:\n  - {property: unknownFields, value: ignore}\n");
    }
    Append(&text, Head(options_.name, ignored), columns);
  }

  const InferenceOptions& options_;
  const bool cells_;
  std::shared_ptr<const contract::Contract> any_record_;
  record::RecordParser checker_;
  record::BatchBuilder checked_;
  ondemand::parser parser_;
  std::deque<MemberFacts> members_;  // in the order of their first record
  std::map<std::string_view, MemberFacts*> by_name_;
  bool too_many_members_ = false;
  Inference result_;
};

}  // namespace

absl::StatusOr<Inference> InferContract(const InferenceOptions& options, Sample* sample) {
  return Inferrer(options, sample->format() == Format::kCsv).Run(sample);
}

}  // namespace sluice::sample
