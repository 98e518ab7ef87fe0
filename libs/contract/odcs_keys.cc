#include "contract/odcs_keys.h"

#include "base/strings.h"
#include "contract/string_format.h"

namespace sluice::contract {
namespace {

constexpr KeyUse kExecuted = KeyUse::kExecuted;
constexpr KeyUse kDocumentation = KeyUse::kDocumentation;
constexpr KeyUse kRefused = KeyUse::kRefused;

constexpr std::string_view kOtherTables =
    "a record is judged without looking at other tables; say it in `description`";

constexpr std::string_view kNoItemRules =
    "items have no rules but those of their `logicalTypeOptions`; of the array `minItems`, "
    "`maxItems` and `uniqueItems` are executed, and rules of `cardinality(column)`";
constexpr std::string_view kNoMemberRules =
    "rules do not look into an object in an array; of the array `minItems` and `maxItems` are "
    "executed, and rules of `cardinality(column)`";
constexpr std::string_view kAtArray = "an item has no column of its own: say it at the array";
constexpr std::string_view kInArray =
    "a member of an item has no column of its own: say it at the array";
constexpr std::string_view kMembersOnly =
    "of an object its members are kept, not how many there were; name those that must be there in "
    "`required`";

/// The same keys, those that `changed` names as it says.
std::vector<KeySpec> With(std::vector<KeySpec> keys, const std::vector<KeySpec>& changed) {
  for (KeySpec& key : keys) {
    for (const KeySpec& other : changed) {
      if (key.key == other.key) key = other;
    }
  }
  return keys;
}

}  // namespace

const std::vector<KeySpec>& ContractKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"apiVersion", kExecuted, "v3.1.0, v3.0.2, v3.0.1 or v3.0.0: decides how the file is read"},
      {"kind", kExecuted, "must be DataContract"},
      {"id", kExecuted, "required, any text"},
      {"name", kDocumentation},
      {"version", kExecuted,
       "required, as 1.2.3: a running pipeline takes a file only when its version is higher"},
      {"status", kExecuted, "required, any text"},
      {"schema", kExecuted, "exactly one table"},
      {"customProperties", kExecuted,
       "`unknownFields: reject` (default) or `ignore`: what becomes of a field that the contract "
       "does not name; others have no effect, with a warning"},
      {"authoritativeDefinitions", kDocumentation},
      {"contractCreatedTs", kDocumentation},
      {"dataProduct", kDocumentation},
      {"description", kDocumentation},
      {"domain", kDocumentation},
      {"price", kDocumentation},
      {"roles", kDocumentation},
      {"servers", kDocumentation, "the pipeline file says where records come from and go"},
      {"slaDefaultElement", kExecuted, "the `element` of `slaProperties` without one"},
      {"slaProperties", kExecuted, "[how fresh](#freshness) the table is; others are for readers"},
      {"support", kDocumentation},
      {"tags", kDocumentation},
      {"team", kDocumentation},
      {"tenant", kDocumentation},
  };
  return keys;
}

const std::vector<KeySpec>& SchemaKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"name", kExecuted, "required; the pipeline file names the tables"},
      {"logicalType", kExecuted, "must be object"},
      {"properties", kExecuted, "the columns, at most 512"},
      {"quality", kExecuted, "rules over the whole record"},
      {"id", kDocumentation},
      {"physicalName", kDocumentation},
      {"physicalType", kDocumentation},
      {"description", kDocumentation},
      {"businessName", kDocumentation},
      {"dataGranularityDescription", kDocumentation},
      {"tags", kDocumentation},
      {"authoritativeDefinitions", kDocumentation},
      {"customProperties", kDocumentation},
      {"relationships", kRefused, kOtherTables},
  };
  return keys;
}

const std::vector<KeySpec>& PropertyKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"name", kExecuted,
       "required; the field in the record and the column in the table; of a member of an object "
       "the field in it, without a dot"},
      {"logicalType", kExecuted,
       "required: string, integer, number, boolean, date, timestamp, time, object or array; "
       "another value is corrupt"},
      {"logicalTypeOptions", kExecuted, "see below"},
      {"required", kExecuted,
       "true: a record without it, or with null, is corrupt; of a member of an object, where the "
       "object is there"},
      {"unique", kExecuted,
       "false; true is refused: a record is judged without looking at others; the metric "
       "duplicateValues looks at those of a window"},
      {"primaryKey", kExecuted, "the audit view names its records by the first such column"},
      {"physicalName", kExecuted,
       "must equal `name`; of a member of an object, its column in PostgreSQL"},
      {"physicalType", kExecuted, "the column's type in PostgreSQL, one that holds every value"},
      {"classification", kExecuted,
       "any but `public` and `internal`: `sluicectl tap`, `explain` and `dead-letters show` print "
       "`[redacted]` for its values, and for bytes of the whole record; no verdict and no table "
       "changes. Of an object: of its members without one"},
      {"description", kDocumentation},
      {"quality", kExecuted, "rules of this column"},
      {"id", kDocumentation},
      {"businessName", kDocumentation},
      {"primaryKeyPosition", kDocumentation},
      {"partitioned", kDocumentation, "the pipeline file partitions the table"},
      {"partitionKeyPosition", kDocumentation},
      {"encryptedName", kDocumentation},
      {"transformSourceObjects", kDocumentation},
      {"transformLogic", kDocumentation},
      {"transformDescription", kDocumentation},
      {"examples", kDocumentation},
      {"criticalDataElement", kDocumentation},
      {"tags", kDocumentation},
      {"authoritativeDefinitions", kDocumentation},
      {"customProperties", kDocumentation},
      {"relationships", kRefused, kOtherTables},
      {"properties", kExecuted, "of an object: its members, see [objects](#objects)"},
      {"items", kExecuted, "of an array: what is in it, see [arrays](#arrays)"},
  };
  return keys;
}

const std::vector<KeySpec>& ItemKeys() {
  static const auto& keys = *new std::vector<KeySpec>(With(
      PropertyKeys(),
      {{"name", kDocumentation},
       {"logicalType", kExecuted,
        "required: string, integer, number, boolean, date, timestamp, time or object; an item of "
        "another type is corrupt. array is refused"},
       {"logicalTypeOptions", kExecuted,
        "as of a column of this type; what is a rule there, every item has to keep here"},
       {"required", kExecuted, "true: a record with an item that is null is corrupt"},
       {"unique", kExecuted, "false; true is refused: say `uniqueItems: true` of the array"},
       {"primaryKey", kExecuted, "false; true is refused: an array is no key"},
       {"physicalName", kRefused, kAtArray},
       {"physicalType", kRefused, kAtArray},
       {"classification", kRefused, kAtArray},
       {"quality", kRefused, kNoItemRules},
       {"relationships", kRefused, kOtherTables},
       {"properties", kExecuted,
        "of an object: its members, see [arrays of objects](#arrays-of-objects)"},
       {"items", kRefused, "only `logicalType: array` has items"}}));
  return keys;
}

const std::vector<KeySpec>& ItemMemberKeys() {
  static const auto& keys = *new std::vector<KeySpec>(With(
      PropertyKeys(),
      {{"name", kExecuted, "required; the field in the item, without a dot"},
       {"logicalType", kExecuted,
        "required: string, integer, number, boolean, date, timestamp, time, object or array; "
        "another value is corrupt"},
       {"logicalTypeOptions", kExecuted,
        "`format`, `timezone` and `defaultTimezone` as of a column of this type, `required` of an "
        "object; all other options, and `format` of string, are refused: rules do not look into an "
        "object in an array"},
       {"required", kExecuted,
        "true: a record with an item without it, or with null, is corrupt; of a member of an "
        "object in an item, where the object is there"},
       {"unique", kExecuted,
        "false; true is refused: a record is judged without looking at others"},
       {"primaryKey", kExecuted, "false; true is refused: an array is no key"},
       {"physicalName", kRefused, kInArray},
       {"physicalType", kRefused, kInArray},
       {"classification", kExecuted,
        "any but `public` and `internal`: of the whole array, unless it says another such one"},
       {"quality", kRefused, kNoMemberRules},
       {"properties", kExecuted, "of an object: its members, as these"},
       {"items", kExecuted, "of an array: what is in it, as of an array of the record"}}));
  return keys;
}

const std::vector<KeySpec>& QualityKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"id", kExecuted, "the rule's id everywhere; unique; default `<column>_<check>`"},
      {"name", kExecuted, "of custom rules: what `qc_summary` says when the rule is broken"},
      {"type", kExecuted,
       "library (default), custom, or text, which is for readers; sql is refused: write a rule of "
       "`type: custom, engine: sluice`"},
      {"metric", kExecuted,
       "of a column: nullValues, missingValues, invalidValues; of the table: rowCount; of "
       "either: duplicateValues, which is measured over [windows](#metrics-and-windows)"},
      {"rule", kExecuted,
       "the same in v3.0.x, also as nullCheck, validValues, duplicateCount; in v3.1.0 with a "
       "warning"},
      {"arguments", kExecuted, "see below"},
      {"validValues", kExecuted, "of v3.0.x's `rule: validValues`"},
      {"mustBe", kExecuted, "0: a rule of each record; else of a [window](#metrics-and-windows)"},
      {"mustBeLessThan", kExecuted, "a rule of each record when it means none: at most 1 of rows"},
      {"mustBeLessOrEqualTo", kExecuted, "0: a rule of each record"},
      {"mustNotBe", kExecuted, "of a window"},
      {"mustBeGreaterThan", kExecuted, "of a window"},
      {"mustBeGreaterOrEqualTo", kExecuted, "of a window"},
      {"mustBeBetween", kExecuted, "of a window: `[low, high]`, both of them allowed"},
      {"mustNotBeBetween", kExecuted, "of a window: `[low, high]`, both of them forbidden"},
      {"unit", kExecuted,
       "rows (default) or percent of the rows; of rowCount, of all records read"},
      {"engine", kExecuted, "sluice; others are refused"},
      {"implementation", kExecuted, "see below"},
      {"dimension", kExecuted, "one of the standard's seven; in `sluice.contracts` and in metrics"},
      {"severity", kExecuted,
       "error (default): the record fails; info and warning: a finding, the record stays clean"},
      {"scheduler", kDocumentation, "with a warning: every record is checked as it arrives"},
      {"schedule", kDocumentation, "with a warning: every record is checked as it arrives"},
      {"description", kDocumentation},
      {"method", kDocumentation},
      {"businessImpact", kDocumentation},
      {"tags", kDocumentation},
      {"authoritativeDefinitions", kDocumentation},
      {"customProperties", kDocumentation},
      {"query", kRefused, "SQL is not executed; write a rule of `type: custom, engine: sluice`"},
  };
  return keys;
}

const std::vector<KeySpec>& MissingValuesKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"missingValues", kExecuted, "of missingValues: what stands for no value; null may be one"}};
  return keys;
}

const std::vector<KeySpec>& DuplicateValuesKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"properties", kExecuted,
       "of duplicateValues of the table: the columns that are compared, together"}};
  return keys;
}

const std::vector<KeySpec>& InvalidValuesKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"validValues", kExecuted, "of invalidValues: all that is valid; null always passes"},
      {"pattern", kExecuted,
       "of invalidValues, instead: an RE2 pattern found in every valid text"}};
  return keys;
}

const std::vector<KeySpec>& CustomPropertyKeys() {
  static const auto& keys = *new std::vector<KeySpec>{{"property", kExecuted, "required"},
                                                      {"value", kExecuted, ""},
                                                      {"id", kDocumentation},
                                                      {"description", kDocumentation}};
  return keys;
}

const std::vector<KeySpec>& ServiceLevelKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"property", kExecuted,
       "required. `latency`, also called `freshness`: an objective that is watched; at most one. "
       "Others are for readers"},
      {"value", kExecuted, "of a latency: required, how old the newest record may be"},
      {"unit", kExecuted, "of a latency: required, s, min, h or d, also as words"},
      {"element", kExecuted,
       "of a latency: the timestamp that says how old a record is, as `table.column`; it has to be "
       "`event_time.column` of the pipeline, and is so without it"},
      {"valueExt", kDocumentation, "of a latency refused: one value is the objective"},
      {"id", kDocumentation},
      {"description", kDocumentation},
      {"driver", kDocumentation},
      {"scheduler", kDocumentation},
      {"schedule", kDocumentation},
  };
  return keys;
}

const std::vector<KeySpec>& ImplementationKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"rule", kExecuted, "required: a condition in the [rule language](rules.md)"},
      {"action", kExecuted,
       "warn, quarantine (the record fails), drop (it is counted only), fail (it fails, and the "
       "[breaker](operating.md#the-breaker) stops the partition); default by `severity`"}};
  return keys;
}

const std::vector<KeySpec>& OptionKeys(LogicalType type) {
  static const auto& text = *new std::vector<KeySpec>{
      {"minLength", kExecuted, "a rule: in characters"},
      {"maxLength", kExecuted, "a rule: in characters"},
      {"pattern", kExecuted,
       "a rule: an RE2 pattern found in the text; lookaround and back references are refused"},
      {"format", kExecuted, "a rule: one of the formats below; others are refused"}};
  static const auto& bounds = *new std::vector<KeySpec>{
      {"minimum", kExecuted, "a rule"},
      {"maximum", kExecuted, "a rule"},
      {"exclusiveMinimum", kExecuted, "a rule; in v3.0.x true beside `minimum`"},
      {"exclusiveMaximum", kExecuted, "a rule; in v3.0.x true beside `maximum`"}};
  const auto with_bounds = [](std::vector<KeySpec> more) {
    more.insert(more.begin(), bounds.begin(), bounds.end());
    return more;
  };
  static const auto& integer = *new std::vector<KeySpec>(with_bounds(
      {{"multipleOf", kExecuted, "a rule"},
       {"format", kExecuted,
        "what the column holds; a value outside is corrupt: i8, i16, i32 (default), i64, u8, u16, "
        "u32; u64, i128 and u128 are refused: no 64-bit integer holds them"}}));
  static const auto& number = *new std::vector<KeySpec>(
      with_bounds({{"multipleOf", kExecuted, "a rule, within a relative 1e-9"},
                   {"format", kExecuted, "f64; f32 is refused"}}));
  static const auto& date = *new std::vector<KeySpec>(
      with_bounds({{"format", kExecuted,
                    "how values and bounds are written, see below; without it 2024-03-10"}}));
  static const auto& timestamp = *new std::vector<KeySpec>(with_bounds(
      {{"format", kExecuted, "how values and bounds are written, see below; without it ISO 8601"},
       {"timezone", kExecuted,
        "true: a value without an offset is corrupt; false: one with an offset is; without it, "
        "both are fine"},
       {"defaultTimezone", kExecuted,
        "of values without an offset: UTC (default) or a fixed offset such as +02:00; a zone with "
        "a name is refused, because what it means changes with its country's laws"}}));
  static const auto& boolean = *new std::vector<KeySpec>{};
  switch (type) {
    case LogicalType::kString:
      return text;
    case LogicalType::kInteger:
      return integer;
    case LogicalType::kNumber:
      return number;
    case LogicalType::kDate:
      return date;
    case LogicalType::kTimestamp:
    case LogicalType::kTime:
      return timestamp;
    case LogicalType::kJson:
      return ObjectOptionKeys();
    case LogicalType::kBoolean:
      break;
  }
  return boolean;
}

const std::vector<KeySpec>& ObjectOptionKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"required", kExecuted, "names of members: the same as `required: true` at each of them"},
      {"minProperties", kRefused, kMembersOnly},
      {"maxProperties", kRefused, kMembersOnly},
  };
  return keys;
}

const std::vector<KeySpec>& ArrayOptionKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"minItems", kExecuted, "a rule"},
      {"maxItems", kExecuted, "a rule"},
      {"uniqueItems", kExecuted,
       "true: a rule; 1 and 1.0 are the same number, and null is an item like others. Of objects "
       "it "
       "is refused"},
  };
  return keys;
}

std::vector<KeyTable> AllKeys() {
  return {
      {"The contract", ContractKeys()},
      {"`schema[]`", SchemaKeys()},
      {"`properties[]`", PropertyKeys()},
      {"`items` of an array", ItemKeys()},
      {"`properties[]` of `items`", ItemMemberKeys()},
      {"`logicalTypeOptions` of string", OptionKeys(LogicalType::kString)},
      {"`logicalTypeOptions` of integer", OptionKeys(LogicalType::kInteger)},
      {"`logicalTypeOptions` of number", OptionKeys(LogicalType::kNumber)},
      {"`logicalTypeOptions` of date", OptionKeys(LogicalType::kDate)},
      {"`logicalTypeOptions` of timestamp and time", OptionKeys(LogicalType::kTimestamp)},
      {"`logicalTypeOptions` of object", ObjectOptionKeys()},
      {"`logicalTypeOptions` of array", ArrayOptionKeys()},
      {"`quality[]`", QualityKeys()},
      {"`arguments`", MissingValuesKeys()},
      {"`arguments`", InvalidValuesKeys()},
      {"`arguments`", DuplicateValuesKeys()},
      {"`implementation`", ImplementationKeys()},
      {"`customProperties[]` of the contract", CustomPropertyKeys()},
      {"`slaProperties[]`", ServiceLevelKeys()},
  };
}

std::string ContractKeysAsMarkdown() {
  std::string text;
  std::string_view title;
  for (const KeyTable& table : AllKeys()) {
    if (table.title != title) {
      Append(&text, text.empty() ? "" : "\n", "### ", table.title,
             "\n\n| key | | |\n|---|---|---|\n");
    }
    title = table.title;
    for (const KeySpec& spec : table.keys) {
      Append(&text, "| `", spec.key, "` | ",
             spec.use == kExecuted        ? "executed"
             : spec.use == kDocumentation ? "for readers"
                                          : "refused",
             " | ", spec.note, " |\n");
    }
  }
  Append(&text, "\n### `format` of string\n\n| format | is |\n|---|---|\n");
  for (const StringFormat& format : StringFormats())
    Append(&text, "| `", format.name, "` | ", format.definition, " |\n");
  return text;
}

}  // namespace sluice::contract
