#include "contract/odcs_keys.h"

namespace sluice::contract {
namespace {

constexpr KeyUse kExecuted = KeyUse::kExecuted;
constexpr KeyUse kDocumentation = KeyUse::kDocumentation;
constexpr KeyUse kRefused = KeyUse::kRefused;

}  // namespace

const std::vector<KeySpec>& ContractKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"apiVersion", kExecuted},
      {"kind", kExecuted},
      {"id", kExecuted},
      {"name", kExecuted},
      {"version", kExecuted},
      {"status", kExecuted},
      {"schema", kExecuted},
      {"customProperties", kExecuted},
      {"authoritativeDefinitions", kDocumentation},
      {"contractCreatedTs", kDocumentation},
      {"dataProduct", kDocumentation},
      {"description", kDocumentation},
      {"domain", kDocumentation},
      {"price", kDocumentation},
      {"roles", kDocumentation},
      {"servers", kDocumentation},
      {"slaDefaultElement", kDocumentation},
      {"slaProperties", kDocumentation},
      {"support", kDocumentation},
      {"tags", kDocumentation},
      {"team", kDocumentation},
      {"tenant", kDocumentation},
  };
  return keys;
}

const std::vector<KeySpec>& SchemaKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"name", kExecuted},
      {"logicalType", kExecuted},
      {"properties", kExecuted},
      {"quality", kExecuted},
      {"id", kDocumentation},
      {"physicalName", kDocumentation},
      {"physicalType", kDocumentation},
      {"description", kDocumentation},
      {"businessName", kDocumentation},
      {"dataGranularityDescription", kDocumentation},
      {"tags", kDocumentation},
      {"authoritativeDefinitions", kDocumentation},
      {"customProperties", kDocumentation},
      {"relationships", kRefused,
       "a record is judged without looking at other tables; say it in `description`"},
  };
  return keys;
}

const std::vector<KeySpec>& PropertyKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"name", kExecuted},
      {"logicalType", kExecuted},
      {"logicalTypeOptions", kExecuted},
      {"required", kExecuted},
      {"unique", kExecuted},
      {"primaryKey", kExecuted},
      {"physicalName", kExecuted},
      {"physicalType", kExecuted},
      {"classification", kExecuted},
      {"description", kExecuted},
      {"quality", kExecuted},
      {"id", kDocumentation},
      {"businessName", kDocumentation},
      {"primaryKeyPosition", kDocumentation},
      {"partitioned", kDocumentation},
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
      {"relationships", kRefused,
       "a record is judged without looking at other tables; say it in `description`"},
      {"properties", kRefused, "records are flat for now"},
      {"items", kRefused, "records are flat for now"},
  };
  return keys;
}

const std::vector<KeySpec>& QualityKeys() {
  static const auto& keys = *new std::vector<KeySpec>{
      {"id", kExecuted},
      {"name", kExecuted},
      {"type", kExecuted},
      {"metric", kExecuted},
      {"arguments", kExecuted},
      {"rule", kExecuted},
      {"validValues", kExecuted},
      {"mustBe", kExecuted},
      {"mustBeLessThan", kExecuted},
      {"mustBeLessOrEqualTo", kExecuted},
      {"unit", kExecuted},
      {"engine", kExecuted},
      {"implementation", kExecuted},
      {"dimension", kExecuted},
      {"severity", kExecuted},
      {"scheduler", kExecuted},
      {"schedule", kExecuted},
      {"description", kDocumentation},
      {"method", kDocumentation},
      {"businessImpact", kDocumentation},
      {"tags", kDocumentation},
      {"authoritativeDefinitions", kDocumentation},
      {"customProperties", kDocumentation},
      {"query", kRefused, "SQL is not executed; write a rule of `type: custom, engine: sluice`"},
      {"mustNotBe", kRefused, kOnlyNone},
      {"mustBeGreaterThan", kRefused, kOnlyNone},
      {"mustBeGreaterOrEqualTo", kRefused, kOnlyNone},
      {"mustBeBetween", kRefused, kOnlyNone},
      {"mustNotBeBetween", kRefused, kOnlyNone},
  };
  return keys;
}

const std::vector<KeySpec>& MissingValuesKeys() {
  static const auto& keys = *new std::vector<KeySpec>{{"missingValues", kExecuted}};
  return keys;
}

const std::vector<KeySpec>& InvalidValuesKeys() {
  static const auto& keys =
      *new std::vector<KeySpec>{{"validValues", kExecuted}, {"pattern", kExecuted}};
  return keys;
}

const std::vector<KeySpec>& CustomPropertyKeys() {
  static const auto& keys = *new std::vector<KeySpec>{{"property", kExecuted},
                                                      {"value", kExecuted},
                                                      {"id", kDocumentation},
                                                      {"description", kDocumentation}};
  return keys;
}

const std::vector<KeySpec>& ImplementationKeys() {
  static const auto& keys = *new std::vector<KeySpec>{{"rule", kExecuted}, {"action", kExecuted}};
  return keys;
}

const std::vector<KeySpec>& OptionKeys(LogicalType type) {
  static const auto& text = *new std::vector<KeySpec>{{"minLength", kExecuted},
                                                      {"maxLength", kExecuted},
                                                      {"pattern", kExecuted},
                                                      {"format", kExecuted}};
  static const auto& number = *new std::vector<KeySpec>{
      {"minimum", kExecuted},          {"maximum", kExecuted},    {"exclusiveMinimum", kExecuted},
      {"exclusiveMaximum", kExecuted}, {"multipleOf", kExecuted}, {"format", kExecuted}};
  static const auto& date = *new std::vector<KeySpec>{{"minimum", kExecuted},
                                                      {"maximum", kExecuted},
                                                      {"exclusiveMinimum", kExecuted},
                                                      {"exclusiveMaximum", kExecuted},
                                                      {"format", kExecuted}};
  static const auto& timestamp = *new std::vector<KeySpec>{
      {"minimum", kExecuted},          {"maximum", kExecuted},  {"exclusiveMinimum", kExecuted},
      {"exclusiveMaximum", kExecuted}, {"timezone", kExecuted}, {"format", kExecuted},
      {"defaultTimezone", kExecuted}};
  static const auto& boolean = *new std::vector<KeySpec>{};
  switch (type) {
    case LogicalType::kString:
      return text;
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      return number;
    case LogicalType::kDate:
      return date;
    case LogicalType::kTimestamp:
      return timestamp;
    case LogicalType::kBoolean:
      break;
  }
  return boolean;
}

}  // namespace sluice::contract
