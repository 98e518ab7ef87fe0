#include "contract/contract.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "base/strings.h"
#include "contract/content_hash.h"
#include "contract/odcs_keys.h"
#include "contract/properties_reader.h"
#include "contract/rule_compiler.h"
#include "contract/service_level_reader.h"
#include "contract/text_file.h"
#include "contract/yaml_document.h"
#include "contract/yaml_reader.h"
#include "re2/re2.h"

namespace sluice::contract {
namespace {

/// What a contract's version may look like, so that versions have an order.
constexpr char kVersionPattern[] = "[0-9]+(\\.[0-9]+){0,3}(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?";

void ReadHead(const MapReader& reader, Contract* contract, bool* is_v30, Diagnostics* diagnostics) {
  if (reader.RequiredText("apiVersion").has_value()) {
    const std::string api =
        reader.OneOf("apiVersion", {"v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0"}).value_or("");
    *is_v30 = absl::StartsWith(api, "v3.0.");
  }
  if (reader.RequiredText("kind").has_value()) (void)reader.OneOf("kind", {"DataContract"});
  (void)reader.RequiredText("status");
  contract->id = reader.RequiredText("id").value_or("");
  contract->name = reader.Text("name").value_or("");
  contract->version = reader.RequiredText("version").value_or("");
  if (!contract->version.empty() &&
      (contract->version.size() > 64 || !re2::RE2::FullMatch(contract->version, kVersionPattern))) {
    diagnostics->Error(
        *reader.Find("version"), "invalid-value",
        "a version is written 1.2.3, so that a later one can be told from an earlier one");
  }
}

void ReadCustomProperties(const MapReader& reader, Contract* contract, Diagnostics* diagnostics) {
  const std::vector<YamlNode>* list = reader.List("customProperties");
  if (list == nullptr) return;
  std::set<std::string> seen;
  for (const YamlNode& item : *list) {
    const MapReader property(item, CustomPropertyKeys(), "a custom property", diagnostics);
    std::optional<std::string> name = property.RequiredText("property");
    if (!name.has_value()) continue;
    if (!seen.insert(*name).second) {
      diagnostics->Error(*property.Find("property"), "duplicate-name",
                         Concat("custom property \"", name->substr(0, 60), "\" is given twice"));
    } else if (*name == "unknownFields") {
      if (!property.RequiredText("value").has_value()) continue;
      const bool ignore = property.OneOf("value", {"reject", "ignore"}).value_or("") == "ignore";
      contract->unknown_fields = ignore ? UnknownFields::kIgnore : UnknownFields::kReject;
    } else {
      diagnostics->Warning(
          *property.Find("property"), "no-effect",
          Concat("custom property \"", name->substr(0, 60), "\" has no effect here"));
    }
  }
}

void ReadSchema(const MapReader& reader, std::string_view text, bool is_v30, Contract* contract,
                Diagnostics* diagnostics) {
  if (!reader.Has("schema")) {
    if (reader.node().IsMap())
      diagnostics->Error(reader.node(), "missing-key", "\"schema\" is missing in a contract");
    return;
  }
  const std::vector<YamlNode>* list = reader.List("schema");
  if (list == nullptr) return;
  if (list->size() != 1) {
    diagnostics->Error(list->empty() ? *reader.Find("schema") : (*list)[1], "not-supported",
                       "a contract describes exactly one table for now");
    if (list->empty()) return;
  }
  const MapReader table(list->front(), SchemaKeys(), "a schema", diagnostics);
  contract->table = table.RequiredText("name").value_or("");
  (void)table.OneOf("logicalType", {"object"});
  RuleCompiler rules(text, is_v30, contract, diagnostics);
  if (const std::vector<YamlNode>* properties = table.List("properties")) {
    const std::vector<const YamlNode*> nodes = ReadProperties(*properties, contract, diagnostics);
    for (size_t i = 0; i < nodes.size(); ++i) rules.CompileProperty(*nodes[i], static_cast<int>(i));
    if (properties->empty())
      diagnostics->Error(table.node(), "missing-key", "the table has no columns");
  } else if (!table.Has("properties") && table.node().IsMap()) {
    diagnostics->Error(table.node(), "missing-key", "\"properties\" is missing in a schema");
  }
  rules.CompileTable(table.node());
  rules.Finish();
}

}  // namespace

int Contract::FindColumn(std::string_view column_name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column_name) return static_cast<int>(i);
  }
  return -1;
}

std::string Contract::NamesOf(const std::vector<int>& indices) const {
  std::string text;
  for (const int column : indices)
    Append(&text, text.empty() ? "" : ", ", columns[static_cast<size_t>(column)].name);
  return text;
}

int Contract::FindCounterpart(const Column& column) const {
  // A path has its dots from objects, the name of the record's own member may have some, too.
  const int index = FindColumn(column.name);
  const bool same =
      index >= 0 && (columns[static_cast<size_t>(index)].object < 0) == (column.object < 0);
  return same ? index : -1;
}

int Contract::FindObject(std::string_view object_name) const {
  for (size_t i = 0; i < objects.size(); ++i) {
    if (objects[i].name == object_name) return static_cast<int>(i);
  }
  return -1;
}

std::string_view Contract::MemberName(std::string_view name, int object) const {
  return object < 0 ? name : name.substr(objects[static_cast<size_t>(object)].name.size() + 1);
}

int Contract::ObjectBetween(int outer, int column) const {
  int object = columns[static_cast<size_t>(column)].object;
  if (object == outer) return -1;
  while (objects[static_cast<size_t>(object)].parent != outer)
    object = objects[static_cast<size_t>(object)].parent;
  return object;
}

std::shared_ptr<const Contract> CompileContract(std::string_view body, std::string_view file_name,
                                                std::vector<Problem>* problems) {
  Diagnostics diagnostics(file_name);
  auto contract = std::make_shared<Contract>();
  contract->body = std::string(body);
  contract->content_hash = ContentHash(body);
  if (std::optional<YamlNode> root = ParseYaml(body, &diagnostics)) {
    const MapReader reader(*root, ContractKeys(), "a contract", &diagnostics);
    if (root->IsMap()) {
      bool is_v30 = false;
      ReadHead(reader, contract.get(), &is_v30, &diagnostics);
      ReadCustomProperties(reader, contract.get(), &diagnostics);
      ReadSchema(reader, body, is_v30, contract.get(), &diagnostics);
      ReadServiceLevels(reader, contract.get(), &diagnostics);
    }
  }
  *problems = diagnostics.All();
  return diagnostics.ok() ? contract : nullptr;
}

absl::StatusOr<std::shared_ptr<const Contract>> ParseContract(std::string_view body,
                                                              std::string_view file_name,
                                                              std::vector<Problem>* warnings) {
  std::vector<Problem> problems;
  std::shared_ptr<const Contract> contract = CompileContract(body, file_name, &problems);
  if (warnings != nullptr) *warnings = Only(Problem::Severity::kWarning, problems);
  if (contract == nullptr)
    return absl::InvalidArgumentError(ToString(Only(Problem::Severity::kError, problems)));
  return contract;
}

absl::StatusOr<std::shared_ptr<const Contract>> LoadContract(const std::string& path,
                                                             std::vector<Problem>* warnings) {
  absl::StatusOr<std::string> body = ReadTextFile(path);
  if (!body.ok()) return body.status();
  return ParseContract(*body, path, warnings);
}

}  // namespace sluice::contract
