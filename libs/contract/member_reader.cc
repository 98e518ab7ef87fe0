#include "contract/member_reader.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "contract/odcs_keys.h"
#include "contract/time_format.h"

namespace sluice::contract {
namespace {

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

void ReadIntegerFormat(const YamlNode& property, Member* member, Diagnostics* diagnostics) {
  member->integer_min = kIntegerFormats[0].min;
  member->integer_max = kIntegerFormats[0].max;
  const YamlNode* options = property.Find("logicalTypeOptions");
  const YamlNode* format = options == nullptr ? nullptr : options->Find("format");
  if (format == nullptr) return;
  std::vector<std::string_view> known;
  for (const IntegerFormat& candidate : kIntegerFormats) {
    if (candidate.name == format->scalar) {
      member->integer_min = candidate.min;
      member->integer_max = candidate.max;
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
void ReadTimeFormat(const YamlNode& property, Member* member, Diagnostics* diagnostics) {
  const YamlNode* node = property.Find("logicalTypeOptions");
  if (node == nullptr || !node->IsMap()) return;
  const MapReader reader(*node, diagnostics);
  if (!reader.Has("format") && !reader.Has("timezone") && !reader.Has("defaultTimezone")) return;
  auto format = std::make_shared<TimeFormat>(member->type);
  if (std::optional<std::string> pattern = reader.Text("format")) {
    std::string problem;
    std::optional<TimeFormat> compiled = TimeFormat::Compile(member->type, *pattern, &problem);
    if (compiled.has_value()) {
      *format = *std::move(compiled);
    } else {
      diagnostics->Error(*reader.Find("format"), "not-supported", problem);
    }
  }
  if (member->type != LogicalType::kDate) {
    ReadTimezone(reader, member->type, format.get(), diagnostics);
    ReadDefaultTimezone(reader, member->type, format.get(), diagnostics);
  }
  member->time_format = std::move(format);
}

}  // namespace

bool HasControlCharacters(std::string_view name) {
  return std::any_of(name.begin(), name.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

bool CheckNoDot(std::string_view name, const YamlNode& at, Diagnostics* diagnostics) {
  if (name.find('.') == std::string_view::npos) return true;
  diagnostics->Error(at, "not-supported",
                     "objects and their members have no dot in their names: it stands between the "
                     "names of a path");
  return false;
}

std::optional<std::string> ReadMemberName(const MapReader& property, Diagnostics* diagnostics) {
  std::optional<std::string> name = property.RequiredText("name");
  if (!name.has_value()) return std::nullopt;
  const YamlNode& at = *property.Find("name");
  if (name->size() > kMaxNameBytes || HasControlCharacters(*name)) {
    diagnostics->Error(at, "invalid-value",
                       Concat("a name has at most ", kMaxNameBytes,
                              " bytes, and no line breaks or tabs among them"));
    return std::nullopt;
  }
  return CheckNoDot(*name, at, diagnostics) ? name : std::nullopt;
}

bool TakeScalarType(std::string_view name, Member* member) {
  for (const TypeName& candidate : kTypeNames) {
    if (candidate.name != name) continue;
    member->type = candidate.type;
    return true;
  }
  return false;
}

void RefuseType(const YamlNode& at, std::initializer_list<std::string_view> more,
                Diagnostics* diagnostics) {
  std::vector<std::string_view> known;
  for (const TypeName& candidate : kTypeNames) known.push_back(candidate.name);
  known.insert(known.end(), more);
  diagnostics->Error(
      at, "invalid-value",
      Concat("logicalType \"", at.scalar.substr(0, 60), "\" is not known; use ", ListOf(known)));
}

void ReadFormat(const YamlNode& property, Member* member, Diagnostics* diagnostics) {
  switch (member->type) {
    case LogicalType::kInteger:
      return ReadIntegerFormat(property, member, diagnostics);
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
    case LogicalType::kTime:
      return ReadTimeFormat(property, member, diagnostics);
    default:
      return;
  }
}

void ReadRequiredMembers(const MapReader& object,
                         const std::function<bool(const std::string& name)>& require,
                         Diagnostics* diagnostics) {
  const YamlNode* const node = object.Find("logicalTypeOptions");
  if (node == nullptr) return;
  const MapReader options(*node, ObjectOptionKeys(), "logicalTypeOptions of an object",
                          diagnostics);
  const std::vector<YamlNode>* const names = options.List("required");
  if (names == nullptr) return;
  for (const YamlNode& name : *names) {
    if (require(name.scalar)) continue;
    diagnostics->Error(
        name, "unknown-column",
        Concat("the object has no property \"", name.scalar.substr(0, 60), "\" to be required"));
  }
}

}  // namespace sluice::contract
