#include "sample/inference.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

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

/// An object around members, or an array of them.
struct Owner {
  std::string_view name;
  bool array = false;
};

/// An object of the contract to come, an item of an array of them, or the record: where members are
/// written.
struct Place {
  std::string path;           // with a dot at its end; empty: the record's
  std::vector<Owner> owners;  // from the outermost
  int64_t values = 0;         // how many there are in the sample
  size_t indent = 6;          // of its members, in the file
  bool in_item = false;       // then its members are no columns

  Place In(const MemberFacts& member, bool array) const {
    Place inner = *this;
    Append(&inner.path, member.name(), ".");
    inner.owners.push_back({member.name(), array});
    inner.values = array ? member.Items()->values() : member.values();
    inner.indent += array ? 6 : 4;
    inner.in_item = in_item || array;
    return inner;
  }
};

/// The path of what is in a column's only member, and so on.
std::string InnermostPath(const contract::Column& column) {
  std::string path = column.name;
  for (const contract::Member* owner = &column; owner->members != nullptr;
       owner = &owner->members->front())
    Append(&path, ".", owner->members->front().name);
  return path;
}

/// A column, or a member of an item, of this name and place, compiled, so that the compiler of
/// contracts is asked. Null: there can be none, and why.
std::shared_ptr<const contract::Contract> TryColumn(const Place& place, std::string_view name,
                                                    std::string* why) {
  std::string property = Concat("{name: ", YamlText(name), ", logicalType: string}");
  for (size_t i = place.owners.size(); i-- > 0;) {
    const Owner& owner = place.owners[i];
    property =
        Concat("{name: ", YamlText(owner.name),
               owner.array ? ", logicalType: array, items: {logicalType: object, properties: ["
                           : ", logicalType: object, properties: [",
               property, owner.array ? "]}}" : "]}");
  }
  std::vector<contract::Problem> problems;
  auto contract =
      contract::CompileContract(Concat(Head("x", ""), "      - ", property, "\n"), "", &problems);
  if (contract == nullptr) {
    *why = problems.front().message;
  } else if (InnermostPath(contract->columns[0]) != Concat(place.path, name)) {
    *why = "YAML cannot write its name";
    contract = nullptr;
  }
  return contract;
}

/// The text with all but letters and digits made alike, as it is in the ids of rules.
std::string AsId(std::string_view text) {
  std::string id(text);
  for (char& c : id) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
  }
  return id;
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
    ondemand::document document;
    ondemand::object object;
    if (parser_.iterate(json).get(document) == simdjson::SUCCESS &&
        document.get_object().get(object) == simdjson::SUCCESS &&
        LookInside(object, &record_, nullptr, 0)) {
      return absl::OkStatus();
    }
    return absl::InternalError(Concat("cannot read the record at line ", record.line));
  }

  /// `owner`: the member whose value the object is, null: it is the record.
  bool LookInside(ondemand::object object, ObjectFacts* facts, MemberFacts* owner, int depth) {
    const int64_t number = ++objects_;
    for (auto field : object) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
      MemberFacts* const member = FactsOf(key, facts);
      ondemand::value value;
      if (field.value().get(value) != simdjson::SUCCESS) return false;
      if (member == nullptr) continue;
      if (!member->SeenIn(number) && owner != nullptr)
        owner->AddUnfit("one of its members stands twice in a record");
      if (!AddValue(value, member, depth)) return false;
    }
    return true;
  }

  bool AddValue(ondemand::value value, MemberFacts* facts, int depth) {
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
      case ondemand::json_type::object: {
        if (depth == contract::kMaxObjectDepth) {
          facts->AddUnfit("objects are nested too deep here");
          break;
        }
        ondemand::object object;
        if (value.get_object().get(object) != simdjson::SUCCESS) return false;
        return LookInside(object, facts->AddObject(), facts, depth + 1);
      }
      default: {
        ondemand::array items;
        return value.get_array().get(items) == simdjson::SUCCESS &&
               LookAtItems(items, facts->AddArray(), depth);
      }
    }
    return true;
  }

  bool LookAtItems(ondemand::array items, MemberFacts* facts, int depth) {
    for (auto item : items) {
      ondemand::value value;
      ondemand::json_type type;
      if (item.get(value) != simdjson::SUCCESS || value.type().get(type) != simdjson::SUCCESS)
        return false;
      if (type == ondemand::json_type::array) {
        facts->AddUnfit("arrays of arrays have no column");
      } else if (!AddValue(value, facts, depth)) {
        return false;
      }
    }
    return true;
  }

  MemberFacts* FactsOf(std::string_view name, ObjectFacts* object) {
    MemberFacts* const known = object->Find(name);
    if (known != nullptr) return known;
    if (members_ == kMaxMembers) {
      too_many_members_ = true;
      return nullptr;
    }
    ++members_;
    return object->Add(name);
  }

  void Write() {
    Place record;
    record.values = result_.records;
    std::string columns = WriteMembers(record_, record);
    if (result_.left_out.size() > kShownLeftOut) {
      Append(&left_out_, "#   and ", result_.left_out.size() - kShownLeftOut, " more\n");
    }
    if (too_many_members_) left_out_ += "#   and more members than a record should have\n";
    if (columns_ == 0) {
      // A table has a column: one that is always null.
      std::string name = "nothing_usable";
      while (record_.Find(name) != nullptr) name += '_';
      columns = Concat("      - {name: ", name, ", logicalType: string}\n");
    }
    WriteFile(columns, left_out_);
  }

  std::string WriteMembers(const ObjectFacts& object, const Place& place) {
    std::string text;
    for (const MemberFacts& facts : object.members()) {
      std::string why;
      if (place.in_item && item_members_++ >= contract::kMaxItemMembers) {
        why = Concat("an item has at most ", contract::kMaxItemMembers, " members");
      } else if (facts.Object() != nullptr) {
        why = WriteObject(facts, place, &text);
      } else if (facts.Items() != nullptr && facts.Items()->Object() != nullptr) {
        why = WriteObjects(facts, place, &text);
      } else if (!Values(facts).Type()) {
        why = Values(facts).WhyNoType();
      } else {
        why = Claim(facts.name(), place);
        if (why.empty()) WriteColumn(facts, place, &text);
      }
      if (!why.empty()) LeaveOut(Concat(place.path, facts.name()), why);
    }
    return text;
  }

  /// Those that have the column's type: of an array its items.
  static const MemberFacts& Values(const MemberFacts& facts) {
    return facts.Items() != nullptr ? *facts.Items() : facts;
  }

  void LeaveOut(const std::string& path, std::string_view why) {
    std::string name;
    batch::AppendJsonString(std::string_view(path).substr(0, 200), &name);
    result_.left_out.push_back(name);
    if (result_.left_out.size() <= kShownLeftOut) Append(&left_out_, "#   ", name, ": ", why, "\n");
  }

  /// Why there can be no such column, or member of an item; empty: there is one now.
  std::string Claim(std::string_view name, const Place& place) {
    if (!place.in_item && columns_ == contract::kMaxColumns)
      return Concat("a table has at most ", contract::kMaxColumns, " columns");
    std::string why;
    const auto contract = TryColumn(place, name, &why);
    if (contract == nullptr) return why;
    if (place.in_item) return "";
    const contract::Column& column = contract->columns[0];
    if (paths_.contains(column.name) || table_names_.contains(column.TableName()))
      return "another column has its name in PostgreSQL";
    paths_.insert(column.name);
    table_names_.insert(column.TableName());
    ++columns_;
    return "";
  }

  std::string WriteObject(const MemberFacts& facts, const Place& place, std::string* out) {
    const std::string members = WriteMembers(*facts.Object(), place.In(facts, /*array=*/false));
    if (members.empty()) return "an object without a member that can be a column";
    const std::string indent(place.indent, ' ');
    Append(out, indent, "- name: ", YamlText(facts.name()), "\n", indent,
           "  logicalType: object\n");
    if (facts.values() == place.values) Append(out, indent, "  required: true\n");
    Append(out, indent, "  properties:\n", members);
    return "";
  }

  /// An array of them.
  std::string WriteObjects(const MemberFacts& facts, const Place& place, std::string* out) {
    if (!place.in_item) item_members_ = 0;
    const std::string members =
        WriteMembers(*facts.Items()->Object(), place.In(facts, /*array=*/true));
    if (members.empty()) return "its items have no member that a contract can have";
    if (std::string why = Claim(facts.name(), place); !why.empty()) return why;
    const std::string indent(place.indent, ' ');
    Append(out, indent, "- name: ", YamlText(facts.name()), "\n", indent, "  logicalType: array\n");
    if (facts.values() == place.values) Append(out, indent, "  required: true\n");
    Append(out, indent, "  items:\n", indent, "    logicalType: object\n", indent,
           "    properties:\n", members);
    return "";
  }

  void WriteColumn(const MemberFacts& facts, const Place& place, std::string* out) {
    const contract::LogicalType type = *Values(facts).Type();
    const bool list = facts.Items() != nullptr;
    const bool wide = type == contract::LogicalType::kInteger;
    const std::string seen =
        list && facts.Items()->values() == 0 ? "no item" : Values(facts).Seen();
    const std::string indent(place.indent, ' ');
    Append(out, indent, "- name: ", YamlText(facts.name()), seen.empty() ? "" : "  # seen: ", seen,
           "\n", indent, "  logicalType: ", list ? "array" : contract::Name(type), "\n");
    if (list) {
      Append(out, indent, "  items: {logicalType: ", contract::Name(type),
             wide ? ", logicalTypeOptions: {format: i64}" : "", "}\n");
    } else if (wide) {
      Append(out, indent, "  logicalTypeOptions: {format: i64}\n");
    }
    if (facts.values() == place.values) Append(out, indent, "  required: true\n");
    const std::vector<std::string> values = facts.FewValues();
    if (values.empty() || place.in_item || !ClaimId(facts.name(), place)) return;
    Append(
        out, indent, "  quality:\n", indent,
        "    - {metric: invalidValues, mustBe: 0, severity: warning, arguments: {validValues: [");
    for (size_t i = 0; i < values.size(); ++i) {
      std::string quoted;
      batch::AppendJsonString(values[i], &quoted);
      Append(out, i == 0 ? "" : ", ", quoted);
    }
    *out += "]}}\n";
  }

  /// False: the rule of another column has the id that this one's would have, and one of them is in
  /// an object.
  bool ClaimId(std::string_view name, const Place& place) {
    const bool nested = !place.owners.empty();
    const auto [other, is_new] = ids_.emplace(AsId(Concat(place.path, name)), nested);
    return is_new || (!nested && !other->second);
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
  ObjectFacts record_;
  int64_t objects_ = 0;  // looked into
  size_t members_ = 0;   // in all
  bool too_many_members_ = false;

  // What is written.
  int columns_ = 0;
  int item_members_ = 0;  // of the array of objects at hand
  std::set<std::string> paths_;
  std::set<std::string> table_names_;
  std::map<std::string, bool> ids_;  // of rules; whether the column is in an object
  std::string left_out_;
  Inference result_;
};

}  // namespace

absl::StatusOr<Inference> InferContract(const InferenceOptions& options, Sample* sample) {
  return Inferrer(options, sample->format() == Format::kCsv).Run(sample);
}

}  // namespace sluice::sample
