#include "contract/column_reader.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "contract/odcs_keys.h"
#include "contract/time_format.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kScalarItems =
    "items that are objects or arrays themselves are not supported: a record is one row, and to "
    "explode it into several is a transform; let the producer send one record per item, or leave "
    "the member out and set `unknownFields: ignore`";
constexpr size_t kMaxNameBytes = 63;  // PostgreSQL's limit

bool HasControlCharacters(std::string_view name) {
  return std::any_of(name.begin(), name.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

struct TypeName {
  std::string_view name;
  LogicalType type;
};
constexpr TypeName kTypeNames[] = {
    {"string", LogicalType::kString}, {"integer", LogicalType::kInteger},
    {"number", LogicalType::kNumber}, {"boolean", LogicalType::kBoolean},
    {"date", LogicalType::kDate},     {"timestamp", LogicalType::kTimestamp},
    {"time", LogicalType::kTime},
};

struct IntegerFormat {
  std::string_view name;
  int64_t min;
  int64_t max;
};
constexpr IntegerFormat kIntegerFormats[] = {
    {"i32", std::numeric_limits<int32_t>::min(),
     std::numeric_limits<int32_t>::max()},  // the standard's default
    {"i8", std::numeric_limits<int8_t>::min(), std::numeric_limits<int8_t>::max()},
    {"i16", std::numeric_limits<int16_t>::min(), std::numeric_limits<int16_t>::max()},
    {"i64", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()},
    {"u8", 0, std::numeric_limits<uint8_t>::max()},
    {"u16", 0, std::numeric_limits<uint16_t>::max()},
    {"u32", 0, std::numeric_limits<uint32_t>::max()},
};

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

/// Whether `name` is a type of scalars, then taken by `column`.
bool TakeScalarType(std::string_view name, Column* column) {
  for (const TypeName& candidate : kTypeNames) {
    if (candidate.name != name) continue;
    column->type = candidate.type;
    return true;
  }
  return false;
}

/// `more`: types that are allowed beside those of scalars.
void RefuseType(const YamlNode& at, std::initializer_list<std::string_view> more,
                Diagnostics* diagnostics) {
  std::vector<std::string_view> known;
  for (const TypeName& candidate : kTypeNames) known.push_back(candidate.name);
  known.insert(known.end(), more);
  diagnostics->Error(
      at, "invalid-value",
      Concat("logicalType \"", at.scalar.substr(0, 60), "\" is not known; use ", ListOf(known)));
}

/// What is in an array: the type of `column`.
bool ReadItems(const MapReader& property, Column* column, Diagnostics* diagnostics) {
  const YamlNode* const node = property.Find("items");
  if (node == nullptr) {
    diagnostics->Error(
        property.node(), "missing-key",
        "an array has \"items\", which say what is in it: items: {logicalType: string}");
    return false;
  }
  const YamlNode* const type = node->Find("logicalType");
  if (type != nullptr && (type->scalar == "object" || type->scalar == "array")) {
    diagnostics->Error(*type, "not-supported", std::string(kScalarItems));
    return false;
  }
  const MapReader items(*node, ItemKeys(), "\"items\"", diagnostics);
  column->item_required = items.Boolean("required").value_or(false);
  if (items.Boolean("unique").value_or(false)) {
    diagnostics->Error(*items.Find("unique"), "not-supported",
                       "\"unique\" is not supported: that no item of an array stands twice is "
                       "`uniqueItems: true` in the array's logicalTypeOptions");
  }
  if (items.Boolean("primaryKey").value_or(false))
    diagnostics->Error(*items.Find("primaryKey"), "not-supported", "an array is no key");
  const std::optional<std::string> name = items.RequiredText("logicalType");
  if (!name.has_value()) return false;
  if (TakeScalarType(*name, column)) return true;
  RefuseType(*type, {}, diagnostics);
  return false;
}

bool ReadType(const MapReader& reader, Column* column, Diagnostics* diagnostics) {
  std::optional<std::string> name = reader.RequiredText("logicalType");
  if (!name.has_value()) return false;
  column->list = *name == "array";
  if (column->list) return ReadItems(reader, column, diagnostics);
  if (const YamlNode* const items = reader.Find("items")) {
    diagnostics->Error(*items, "unexpected-key", "only `logicalType: array` has \"items\"");
  }
  if (TakeScalarType(*name, column)) return true;
  RefuseType(*reader.Find("logicalType"), {"object", "array"}, diagnostics);
  return false;
}

void ReadIntegerFormat(const YamlNode& property, Column* column, Diagnostics* diagnostics) {
  column->integer_min = kIntegerFormats[0].min;
  column->integer_max = kIntegerFormats[0].max;
  const YamlNode* options = property.Find("logicalTypeOptions");
  const YamlNode* format = options == nullptr ? nullptr : options->Find("format");
  if (format == nullptr) return;
  std::vector<std::string_view> known;
  for (const IntegerFormat& candidate : kIntegerFormats) {
    if (candidate.name == format->scalar) {
      column->integer_min = candidate.min;
      column->integer_max = candidate.max;
      return;
    }
    known.push_back(candidate.name);
  }
  const bool standard =
      format->scalar == "i128" || format->scalar == "u64" || format->scalar == "u128";
  diagnostics->Error(*format, standard ? "not-supported" : "invalid-value",
                     Concat("integer format \"", format->scalar.substr(0, 60), "\" is not ",
                            standard ? "supported (no 64-bit integer holds it)" : "known", "; use ",
                            ListOf(known)));
}

/// `timezone`: whether values have an offset. What the format says of it must agree.
void ReadTimezone(const MapReader& options, LogicalType type, TimeFormat* format,
                  Diagnostics* diagnostics) {
  std::optional<bool> timezone = options.Boolean("timezone");
  if (!timezone.has_value()) return;
  const YamlNode& at = *options.Find("timezone");
  if (type == LogicalType::kTime) {
    if (*timezone) diagnostics->Error(at, "not-supported", "a time of day has no timezone");
  } else if (format->has_pattern() && format->has_offset() != *timezone) {
    diagnostics->Error(at, "invalid-value",
                       *timezone ? "the format has no offset; end it with XXX"
                                 : "the format has an offset: leave `timezone` out");
  } else {
    format->set_offset(*timezone ? TimeFormat::Offset::kRequired : TimeFormat::Offset::kNone);
  }
}

void ReadDefaultTimezone(const MapReader& options, LogicalType type, TimeFormat* format,
                         Diagnostics* diagnostics) {
  std::optional<std::string> zone = options.Text("defaultTimezone");
  if (!zone.has_value()) return;
  const YamlNode& at = *options.Find("defaultTimezone");
  std::optional<int64_t> offset = ParseFixedOffset(*zone);
  if (!offset.has_value()) {
    diagnostics->Error(
        at, "not-supported",
        Concat("defaultTimezone \"", zone->substr(0, 60),
               "\" is not supported: only UTC and fixed ",
               "offsets such as +02:00 are, because what a zone means changes with its country's ",
               "laws; let the producer write the offset"));
  } else if (type == LogicalType::kTime && *offset != 0) {
    diagnostics->Error(at, "not-supported", "a time of day has no timezone");
  } else {
    format->set_default_offset(*offset);
  }
}

/// How dates, timestamps and times are written. The keys themselves are checked with the rules.
void ReadTimeFormat(const YamlNode& property, Column* column, Diagnostics* diagnostics) {
  const YamlNode* node = property.Find("logicalTypeOptions");
  if (node == nullptr || !node->IsMap()) return;
  const MapReader reader(*node, diagnostics);
  if (!reader.Has("format") && !reader.Has("timezone") && !reader.Has("defaultTimezone")) return;
  auto format = std::make_shared<TimeFormat>(column->type);
  if (std::optional<std::string> pattern = reader.Text("format")) {
    std::string problem;
    std::optional<TimeFormat> compiled = TimeFormat::Compile(column->type, *pattern, &problem);
    if (compiled.has_value()) {
      *format = *std::move(compiled);
    } else {
      diagnostics->Error(*reader.Find("format"), "not-supported", problem);
    }
  }
  if (column->type != LogicalType::kDate) {
    ReadTimezone(reader, column->type, format.get(), diagnostics);
    ReadDefaultTimezone(reader, column->type, format.get(), diagnostics);
  }
  column->time_format = std::move(format);
}

void ReadPhysicalType(const MapReader& reader, Column* column, Diagnostics* diagnostics) {
  std::optional<std::string> text = reader.Text("physicalType");
  if (!text.has_value()) return;
  const YamlNode& at = *reader.Find("physicalType");
  const std::string name = absl::AsciiStrToLower(*text);
  const std::string_view brackets = column->list ? "[]" : "";
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

bool CheckNoDot(std::string_view name, const YamlNode& at, Diagnostics* diagnostics) {
  if (name.find('.') == std::string_view::npos) return true;
  diagnostics->Error(at, "not-supported",
                     "objects and their members have no dot in their names: it stands between the "
                     "names of a path");
  return false;
}

std::optional<std::string> ReadPath(const MapReader& property, const Object* object,
                                    Diagnostics* diagnostics) {
  std::optional<std::string> name = property.RequiredText("name");
  if (!name.has_value()) return std::nullopt;
  const YamlNode& at = *property.Find("name");
  if (object == nullptr) return CheckColumnName(*name, at, diagnostics) ? name : std::nullopt;
  if (name->size() > kMaxNameBytes || HasControlCharacters(*name)) {
    diagnostics->Error(at, "invalid-value",
                       Concat("a name has at most ", kMaxNameBytes,
                              " bytes, and no line breaks or tabs among them"));
    return std::nullopt;
  }
  if (!CheckNoDot(*name, at, diagnostics)) return std::nullopt;
  return Concat(object->name, ".", *name);
}

std::optional<Column> ReadColumn(const YamlNode& property, const Object* object,
                                 Diagnostics* diagnostics) {
  const MapReader reader(property, PropertyKeys(), "a property", diagnostics);
  Column column;
  std::optional<std::string> path = ReadPath(reader, object, diagnostics);
  bool named = path.has_value();
  column.name = std::move(path).value_or("");
  if (named && object == nullptr) CheckPhysicalName(reader, column, diagnostics);
  if (named && object != nullptr) named = ReadPhysicalName(reader, &column, diagnostics);
  const bool typed = ReadType(reader, &column, diagnostics);
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
  column.classification = reader.Text("classification").value_or("");
  column.description = reader.Text("description").value_or("");
  if (!typed) return std::nullopt;
  const YamlNode& value = column.list ? *property.Find("items") : property;
  if (column.type == LogicalType::kInteger) ReadIntegerFormat(value, &column, diagnostics);
  if (column.type == LogicalType::kDate || column.type == LogicalType::kTimestamp ||
      column.type == LogicalType::kTime) {
    ReadTimeFormat(value, &column, diagnostics);
  }
  ReadPhysicalType(reader, &column, diagnostics);
  if (!named) return std::nullopt;
  return column;
}

}  // namespace sluice::contract
