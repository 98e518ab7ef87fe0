#include "contract/column_reader.h"

#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "contract/classification.h"
#include "contract/items_reader.h"
#include "contract/member_reader.h"
#include "contract/odcs_keys.h"

namespace sluice::contract {
namespace {

/// What `physicalType` may say (in any case), the PostgreSQL type it means, and the integers that
/// type holds.
struct PhysicalType {
  std::string_view name;
  LogicalType type;
  std::string_view canonical;
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};
constexpr int64_t kMin16 = std::numeric_limits<int16_t>::min();
constexpr int64_t kMax16 = std::numeric_limits<int16_t>::max();
constexpr int64_t kMin32 = std::numeric_limits<int32_t>::min();
constexpr int64_t kMax32 = std::numeric_limits<int32_t>::max();
constexpr PhysicalType kPhysicalTypes[] = {
    {"text", LogicalType::kString, "text"},
    {"varchar", LogicalType::kString, "text"},
    {"character varying", LogicalType::kString, "text"},
    {"smallint", LogicalType::kInteger, "smallint", kMin16, kMax16},
    {"int2", LogicalType::kInteger, "smallint", kMin16, kMax16},
    {"integer", LogicalType::kInteger, "integer", kMin32, kMax32},
    {"int", LogicalType::kInteger, "integer", kMin32, kMax32},
    {"int4", LogicalType::kInteger, "integer", kMin32, kMax32},
    {"bigint", LogicalType::kInteger, "bigint"},
    {"int8", LogicalType::kInteger, "bigint"},
    {"double precision", LogicalType::kNumber, "double precision"},
    {"double", LogicalType::kNumber, "double precision"},
    {"float8", LogicalType::kNumber, "double precision"},
    {"boolean", LogicalType::kBoolean, "boolean"},
    {"bool", LogicalType::kBoolean, "boolean"},
    {"date", LogicalType::kDate, "date"},
    {"timestamptz", LogicalType::kTimestamp, "timestamptz"},
    {"timestamp with time zone", LogicalType::kTimestamp, "timestamptz"},
    {"time", LogicalType::kTime, "time"},
    {"time without time zone", LogicalType::kTime, "time"},
    {"jsonb", LogicalType::kJson, "jsonb"},
    {"json", LogicalType::kJson, "json"},
};

/// Whether PostgreSQL and the sinks leave this name to a column of the contract.
bool CheckColumnName(std::string_view name, const YamlNode& at, Diagnostics* diagnostics) {
  if (name.size() > kMaxNameBytes) {
    diagnostics->Error(at, "invalid-value",
                       Concat("a column name has at most ", kMaxNameBytes, " bytes"));
    return false;
  }
  if (name[0] == '_') {
    diagnostics->Error(at, "reserved-name", "names that begin with _ belong to the system columns");
    return false;
  }
  for (std::string_view reserved : {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}) {
    if (name == reserved) {
      diagnostics->Error(at, "reserved-name",
                         Concat("\"", name, "\" is a system column of PostgreSQL"));
      return false;
    }
  }
  if (HasControlCharacters(name)) {
    diagnostics->Error(at, "invalid-value", "a column name has no line breaks or tabs");
    return false;
  }
  return true;
}

/// Of a column of the record: the same as in the record.
void CheckPhysicalName(const MapReader& reader, const Column& column, Diagnostics* diagnostics) {
  std::optional<std::string> physical = reader.Text("physicalName");
  if (physical.has_value() && *physical != column.name) {
    diagnostics->Error(
        *reader.Find("physicalName"), "not-supported",
        "a column has one name in the record and in the table: physicalName must equal name");
  }
}

/// Of a member of an object: as it says itself, else its path with _ between the names.
bool ReadPhysicalName(const MapReader& reader, Column* column, Diagnostics* diagnostics) {
  if (reader.Has("physicalName")) {
    column->physical_name = reader.RequiredText("physicalName").value_or("");
    return !column->physical_name.empty() &&
           CheckColumnName(column->physical_name, *reader.Find("physicalName"), diagnostics);
  }
  column->physical_name = absl::StrReplaceAll(column->name, {{".", "_"}});
  if (column->physical_name.size() <= kMaxNameBytes) return true;
  diagnostics->Error(
      *reader.Find("name"), "invalid-value",
      Concat("its column in PostgreSQL would be called \"", column->physical_name,
             "\", which is longer than ", kMaxNameBytes, " bytes: give it a physicalName"));
  return false;
}

bool ReadType(const MapReader& reader, int depth, Column* column, Diagnostics* diagnostics) {
  std::optional<std::string> name = reader.RequiredText("logicalType");
  if (!name.has_value()) return false;
  column->list = *name == "array";
  if (column->list) return ReadItems(reader, depth, column, diagnostics);
  if (const YamlNode* const items = reader.Find("items")) {
    diagnostics->Error(*items, "unexpected-key", "only `logicalType: array` has \"items\"");
  }
  if (TakeScalarType(*name, column)) return true;
  RefuseType(*reader.Find("logicalType"), {"object", "array"}, diagnostics);
  return false;
}

void ReadPhysicalType(const MapReader& reader, Column* column, Diagnostics* diagnostics) {
  std::optional<std::string> text = reader.Text("physicalType");
  if (!text.has_value()) return;
  const YamlNode& at = *reader.Find("physicalType");
  const std::string name = absl::AsciiStrToLower(*text);
  const std::string_view brackets = column->list && column->type != LogicalType::kJson ? "[]" : "";
  std::vector<std::string> known;
  for (const PhysicalType& candidate : kPhysicalTypes) {
    if (candidate.type != column->type) continue;
    known.push_back(Concat(candidate.name, brackets));
    if (known.back() != name) continue;
    if (column->type == LogicalType::kInteger &&
        (candidate.min > column->integer_min || candidate.max < column->integer_max)) {
      diagnostics->Error(
          at, "invalid-value",
          Concat(*text, " cannot hold all values of this column; use a wider type or a narrower ",
                 "logicalTypeOptions.format (the default is i32)"));
      return;
    }
    column->physical_type = Concat(candidate.canonical, brackets);
    return;
  }
  diagnostics->Error(at, "not-supported",
                     Concat("physicalType \"", text->substr(0, 60),
                            "\" cannot be written for this logicalType; use ",
                            ListOf({known.begin(), known.end()})));
}

}  // namespace

std::optional<std::string> ReadPath(const MapReader& property, const Object* object,
                                    Diagnostics* diagnostics) {
  if (object != nullptr) {
    const std::optional<std::string> name = ReadMemberName(property, diagnostics);
    return name.has_value() ? std::optional(Concat(object->name, ".", *name)) : std::nullopt;
  }
  std::optional<std::string> name = property.RequiredText("name");
  if (!name.has_value()) return std::nullopt;
  const YamlNode& at = *property.Find("name");
  return CheckColumnName(*name, at, diagnostics) ? name : std::nullopt;
}

std::optional<Column> ReadColumn(const YamlNode& property, const Object* object, int depth,
                                 Diagnostics* diagnostics) {
  const MapReader reader(property, PropertyKeys(), "a property", diagnostics);
  Column column;
  std::optional<std::string> path = ReadPath(reader, object, diagnostics);
  bool named = path.has_value();
  column.name = std::move(path).value_or("");
  if (named && object == nullptr) CheckPhysicalName(reader, column, diagnostics);
  if (named && object != nullptr) named = ReadPhysicalName(reader, &column, diagnostics);
  const bool typed = ReadType(reader, depth, &column, diagnostics);
  if (typed && reader.Has("properties")) {
    diagnostics->Error(*reader.Find("properties"), "unexpected-key",
                       "only `logicalType: object` has \"properties\"");
  }
  column.required = reader.Boolean("required").value_or(false);
  column.primary_key = reader.Boolean("primaryKey").value_or(false);
  if (column.list && column.primary_key) {
    diagnostics->Error(*reader.Find("primaryKey"), "not-supported",
                       "an array is no key: another column may be the key");
  }
  if (reader.Boolean("unique").value_or(false)) {
    diagnostics->Error(
        *reader.Find("unique"), "not-supported",
        "\"unique\" is not supported: a record is judged without looking at other records; "
        "measure duplicates over windows with `quality: [{metric: duplicateValues, mustBe: 0}]`");
  }
  // ReadItems has given it that of a member of its items.
  const std::string classification = reader.Text("classification").value_or("");
  if (!IsClassified(column) || Protects(classification)) column.classification = classification;
  column.description = reader.Text("description").value_or("");
  if (!typed) return std::nullopt;
  if (!column.list) ReadFormat(property, &column, diagnostics);
  ReadPhysicalType(reader, &column, diagnostics);
  if (!named) return std::nullopt;
  return column;
}

}  // namespace sluice::contract
