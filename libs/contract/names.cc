#include "contract/names.h"

#include "base/strings.h"

namespace sluice::contract {

std::string_view Name(LogicalType type) {
  switch (type) {
    case LogicalType::kString:
      return "string";
    case LogicalType::kInteger:
      return "integer";
    case LogicalType::kNumber:
      return "number";
    case LogicalType::kBoolean:
      return "boolean";
    case LogicalType::kDate:
      return "date";
    case LogicalType::kTimestamp:
      return "timestamp";
    case LogicalType::kTime:
      return "time";
    case LogicalType::kJson:
      return "object";
  }
  return "";
}

std::string TypeName(const Member& member) {
  return Concat(member.list ? "array of " : "", Name(member.type));
}

std::string_view Name(Action action) {
  switch (action) {
    case Action::kWarn:
      return "warn";
    case Action::kQuarantine:
      return "quarantine";
    case Action::kDrop:
      return "drop";
    case Action::kFail:
      return "fail";
  }
  return "";
}

}  // namespace sluice::contract
