#include "contract/items_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "contract/classification.h"
#include "contract/member_reader.h"
#include "contract/odcs_keys.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kArraysInArrays =
    "items that are arrays themselves are not supported; let the producer put each of the inner "
    "arrays into an object, or leave the member out and set `unknownFields: ignore`";
constexpr std::string_view kUnique =
    "\"unique\" is not supported: a record is judged without looking at other records, and an item "
    "without looking at other items";

/// Of one array of the record.
class ItemsReader {
 public:
  explicit ItemsReader(Diagnostics* diagnostics) : diagnostics_(diagnostics) {}

  /// That of the first member which has one that protects.
  const std::string& classification() const { return classification_; }

  bool ReadItems(const MapReader& property, int depth, Member* array) {
    const YamlNode* const node = property.Find("items");
    if (node == nullptr) {
      diagnostics_->Error(
          property.node(), "missing-key",
          "an array has \"items\", which say what is in it: items: {logicalType: string}");
      return false;
    }
    const YamlNode* const type = node->Find("logicalType");
    if (type != nullptr && type->scalar == "array") {
      diagnostics_->Error(*type, "not-supported", std::string(kArraysInArrays));
      return false;
    }
    const MapReader items(*node, ItemKeys(), "\"items\"", diagnostics_);
    array->item_required = items.Boolean("required").value_or(false);
    if (items.Boolean("unique").value_or(false)) {
      diagnostics_->Error(*items.Find("unique"), "not-supported",
                          "\"unique\" is not supported: that no item of an array stands twice is "
                          "`uniqueItems: true` in the array's logicalTypeOptions");
    }
    RefuseKey(items);
    const std::optional<std::string> name = items.RequiredText("logicalType");
    if (!name.has_value()) return false;
    if (*name == "object") return ReadObject(items, depth + 1, array);
    RefuseProperties(items);
    if (!TakeScalarType(*name, array)) {
      RefuseType(*type, {"object"}, diagnostics_);
      return false;
    }
    ReadFormat(*node, array, diagnostics_);
    return true;
  }

 private:
  /// `owner`: the member that is the object, or the array of it. `depth`: its own.
  bool ReadObject(const MapReader& object, int depth, Member* owner) {
    owner->type = LogicalType::kJson;
    if (depth > kMaxObjectDepth) {
      diagnostics_->Error(*object.Find("logicalType"), "too-deep",
                          Concat("objects are nested at most ", kMaxObjectDepth, " deep"));
      return false;
    }
    auto members = std::make_shared<std::vector<Member>>();
    const std::vector<YamlNode>* const properties = object.List("properties");
    if (properties == nullptr ? !object.Has("properties") : properties->empty()) {
      diagnostics_->Error(object.node(), "missing-key",
                          "the object has no properties: without them nobody knows what it holds");
      return false;
    }
    if (properties == nullptr) return false;
    for (const YamlNode& property : *properties) {
      if (members_++ == kMaxItemMembers) {
        diagnostics_->Error(
            property, "too-large",
            Concat("the items of an array have more than ", kMaxItemMembers, " members"));
      }
      if (members_ > kMaxItemMembers) break;
      std::optional<Member> member = ReadMember(property, depth);
      if (!member.has_value()) continue;
      if (Find(member->name, members.get()) != nullptr) {
        diagnostics_->Error(
            *property.Find("name"), "duplicate-name",
            Concat("another member of the object is named \"", member->name, "\" already"));
        continue;
      }
      members->push_back(*std::move(member));
    }
    ReadRequiredMembers(
        object,
        [&](const std::string& name) {
          Member* const member = Find(name, members.get());
          if (member != nullptr) member->required = true;
          return member != nullptr;
        },
        diagnostics_);
    owner->members = std::move(members);
    return true;
  }

  std::optional<Member> ReadMember(const YamlNode& property, int depth) {
    const MapReader reader(property, ItemMemberKeys(), "a property of items", diagnostics_);
    Member member;
    std::optional<std::string> name = ReadMemberName(reader, diagnostics_);
    member.required = reader.Boolean("required").value_or(false);
    if (reader.Boolean("unique").value_or(false))
      diagnostics_->Error(*reader.Find("unique"), "not-supported", std::string(kUnique));
    RefuseKey(reader);
    if (const std::string word = reader.Text("classification").value_or("");
        classification_.empty() && Protects(word)) {
      classification_ = word;
    }
    if (!ReadType(reader, depth, &member) || !name.has_value()) return std::nullopt;
    member.name = *std::move(name);
    return member;
  }

  bool ReadType(const MapReader& reader, int depth, Member* member) {
    const std::optional<std::string> name = reader.RequiredText("logicalType");
    if (!name.has_value()) return false;
    if (*name != "object") RefuseProperties(reader);
    member->list = *name == "array";
    if (member->list) return ReadItems(reader, depth, member);
    if (const YamlNode* const items = reader.Find("items")) {
      diagnostics_->Error(*items, "unexpected-key", "only `logicalType: array` has \"items\"");
    }
    if (*name == "object") return ReadObject(reader, depth + 1, member);
    if (!TakeScalarType(*name, member)) {
      RefuseType(*reader.Find("logicalType"), {"object", "array"}, diagnostics_);
      return false;
    }
    ReadFormat(reader.node(), member, diagnostics_);
    return true;
  }

  static Member* Find(std::string_view name, std::vector<Member>* members) {
    const auto found = std::find_if(members->begin(), members->end(),
                                    [&](const Member& member) { return member.name == name; });
    return found == members->end() ? nullptr : &*found;
  }

  void RefuseKey(const MapReader& reader) {
    if (reader.Boolean("primaryKey").value_or(false))
      diagnostics_->Error(*reader.Find("primaryKey"), "not-supported", "an array is no key");
  }

  void RefuseProperties(const MapReader& reader) {
    if (const YamlNode* const properties = reader.Find("properties")) {
      diagnostics_->Error(*properties, "unexpected-key",
                          "only `logicalType: object` has \"properties\"");
    }
  }

  Diagnostics* diagnostics_;
  std::string classification_;
  int members_ = 0;  // at any depth
};

}  // namespace

bool ReadItems(const MapReader& property, int depth, Column* array, Diagnostics* diagnostics) {
  ItemsReader reader(diagnostics);
  const bool usable = reader.ReadItems(property, depth, array);
  array->classification = reader.classification();
  return usable;
}

}  // namespace sluice::contract
