#include "contract/properties_reader.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "contract/column_reader.h"
#include "contract/member_reader.h"
#include "contract/odcs_keys.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {
namespace {

class PropertiesReader {
 public:
  PropertiesReader(Contract* contract, Diagnostics* diagnostics)
      : contract_(contract), diagnostics_(diagnostics) {}

  std::vector<const YamlNode*> Run(const std::vector<YamlNode>& properties) {
    Read(properties, -1, 0);
    return std::move(nodes_);
  }

 private:
  /// `object`: whose properties they are, -1: the record's. `depth`: how many objects are around.
  void Read(const std::vector<YamlNode>& properties, int object, int depth) {
    if (properties.size() > kMaxColumns) {
      TooManyColumns(properties[kMaxColumns]);
      return;
    }
    for (const YamlNode& property : properties) {
      const YamlNode* const type = property.Find("logicalType");
      if (type != nullptr && type->IsScalar() && type->scalar == "object") {
        ReadObject(property, object, depth + 1);
      } else {
        ReadLeaf(property, object, depth);
      }
    }
  }

  void ReadLeaf(const YamlNode& property, int object, int depth) {
    std::optional<Column> column = ReadColumn(property, ObjectAt(object), depth, diagnostics_);
    if (!column.has_value()) return;
    const YamlNode& at = *property.Find("name");
    if (!IsNewName(column->name, at)) return;
    if (const auto [other, is_new] = table_names_.emplace(column->TableName(), column->name);
        !is_new) {
      diagnostics_->Error(
          at, "duplicate-name",
          Concat("in PostgreSQL \"", column->TableName(), "\" is the column of \"", other->second,
                 "\" already: give the one that is in an object another physicalName"));
      return;
    }
    if (contract_->columns.size() == kMaxColumns) {
      TooManyColumns(property);
      return;
    }
    column->object = object;
    contract_->columns.push_back(*std::move(column));
    nodes_.push_back(&property);
  }

  void ReadObject(const YamlNode& property, int parent, int depth) {
    const MapReader reader(property, PropertyKeys(), "a property", diagnostics_);
    std::optional<std::string> path = ReadPath(reader, ObjectAt(parent), diagnostics_);
    if (path.has_value() && parent < 0 && !CheckNoDot(*path, *reader.Find("name"), diagnostics_))
      path.reset();
    const bool required = reader.Boolean("required").value_or(false);
    const std::string classification = reader.Text("classification").value_or("");
    (void)reader.Text("description");
    RefuseWhatColumnsHave(reader);
    if (!path.has_value() || !IsNewName(*path, *reader.Find("name"))) return;
    if (depth > kMaxObjectDepth) {
      diagnostics_->Error(*reader.Find("name"), "too-deep",
                          Concat("objects are nested at most ", kMaxObjectDepth, " deep"));
      return;
    }
    const int index = static_cast<int>(contract_->objects.size());
    Object object;
    object.name = *std::move(path);
    object.parent = parent;
    object.required = required;
    object.first_column = static_cast<int>(contract_->columns.size());
    contract_->objects.push_back(std::move(object));
    const std::vector<YamlNode>* const properties = reader.List("properties");
    if (properties != nullptr && !properties->empty()) {
      Read(*properties, index, depth);
    } else if (properties != nullptr || !reader.Has("properties")) {
      diagnostics_->Error(property, "missing-key",
                          Concat("the object \"", contract_->objects.back().name,
                                 "\" has no properties: without "
                                 "them it would have no column"));
    }
    contract_->objects[static_cast<size_t>(index)].end_column =
        static_cast<int>(contract_->columns.size());
    Classify(index, classification);
    ReadRequiredMembers(
        reader, [&](const std::string& name) { return Require(index, name); }, diagnostics_);
  }

  /// That of an object is that of its members which have none of their own.
  void Classify(int object, const std::string& classification) {
    const Object& spec = *ObjectAt(object);
    for (int i = spec.first_column; i < spec.end_column; ++i) {
      Column& column = contract_->columns[static_cast<size_t>(i)];
      if (column.classification.empty()) column.classification = classification;
    }
  }

  /// Keys that say something of a column, which an object is not.
  void RefuseWhatColumnsHave(const MapReader& reader) {
    static constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
        {"physicalName", "an object has no column of its own: its members may have physicalName"},
        {"physicalType",
         "an object has no column of its own, jsonb or other: its members have columns"},
        {"quality",
         "an object has no value of its own: write the rule at its members, or at the table"},
        {"primaryKey", "an object has no column of its own: one of its members may be the key"},
        {"items", "an object has \"properties\": only `logicalType: array` has \"items\""},
        {"unique",
         "\"unique\" is not supported: a record is judged without looking at other records; look "
         "for "
         "duplicates in the table (GROUP BY its members HAVING count(*) > 1)"},
    };
    for (const auto& [key, why] : kKeys) {
      const YamlNode* const node = reader.Find(key);
      if (node == nullptr || (node->IsScalar() && ReadBoolean(*node) == false)) continue;
      diagnostics_->Error(*node, "not-supported", std::string(why));
    }
  }

  /// Makes the member `name` of an object required; false: it has none.
  bool Require(int object, const std::string& name) {
    const std::string path = Concat(ObjectAt(object)->name, ".", name);
    const int column = contract_->FindColumn(path);
    const int inner = contract_->FindObject(path);
    if (column >= 0) {
      contract_->columns[static_cast<size_t>(column)].required = true;
    } else if (inner >= 0) {
      contract_->objects[static_cast<size_t>(inner)].required = true;
    }
    return column >= 0 || inner >= 0;
  }

  bool IsNewName(const std::string& path, const YamlNode& at) {
    if (names_.insert(path).second) return true;
    diagnostics_->Error(at, "duplicate-name",
                        Concat("another ", contract_->FindObject(path) < 0 ? "column" : "object",
                               " is named \"", path, "\" already"));
    return false;
  }

  void TooManyColumns(const YamlNode& at) {
    if (std::exchange(too_many_, true)) return;
    diagnostics_->Error(at, "too-large",
                        Concat("the table has more than ", kMaxColumns, " columns"));
  }

  const Object* ObjectAt(int object) const {
    return object < 0 ? nullptr : &contract_->objects[static_cast<size_t>(object)];
  }

  Contract* contract_;
  Diagnostics* diagnostics_;
  std::vector<const YamlNode*> nodes_;
  std::set<std::string> names_;                     // paths
  std::map<std::string, std::string> table_names_;  // to paths
  bool too_many_ = false;
};

}  // namespace

std::vector<const YamlNode*> ReadProperties(const std::vector<YamlNode>& properties,
                                            Contract* contract, Diagnostics* diagnostics) {
  return PropertiesReader(contract, diagnostics).Run(properties);
}

}  // namespace sluice::contract
