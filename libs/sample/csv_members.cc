#include "sample/csv_members.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "base/strings.h"
#include "sample/json_text.h"

namespace sluice::sample {
namespace {

using contract::LogicalType;

std::string Key(std::string_view name) {
  std::string key;
  AppendText(name, &key);
  return key + ":";
}

/// The innermost object of the contract in whose path `name` lies, -1: none.
int ObjectAround(const contract::Contract& contract, std::string_view name) {
  int found = -1;
  for (size_t i = 0; i < contract.objects.size(); ++i) {
    const std::string& path = contract.objects[i].name;
    // Outer ones come first.
    if (name.size() > path.size() + 1 && name[path.size()] == '.' &&
        name.substr(0, path.size()) == path)
      found = static_cast<int>(i);
  }
  return found;
}

}  // namespace

bool CsvMembers::Add(std::string_view name, int cell) {
  Member member;
  member.cell = cell;
  int object = -1;
  if (contract_ != nullptr) {
    const int column = contract_->FindColumn(name);
    if (column >= 0) {
      member.column = &contract_->columns[static_cast<size_t>(column)];
      object = member.column->object;
    } else {
      object = ObjectAround(*contract_, name);
    }
    name = contract_->MemberName(name, object);
  }
  member.key = Key(name);
  std::vector<Member>* const members = MembersOf(object, &members_);
  if (members == nullptr) return false;
  const auto same = [&](const Member& other) { return other.key == member.key; };
  if (std::any_of(members->begin(), members->end(), same)) return false;
  members->push_back(std::move(member));
  return true;
}

/// Null: one of the objects around is a cell.
std::vector<CsvMembers::Member>* CsvMembers::MembersOf(int object, std::vector<Member>* of_record) {
  if (object < 0) return of_record;
  const contract::Object& spec = contract_->objects[static_cast<size_t>(object)];
  std::vector<Member>* const outer = MembersOf(spec.parent, of_record);
  if (outer == nullptr) return nullptr;
  const std::string key = Key(contract_->MemberName(spec.name, spec.parent));
  for (Member& member : *outer) {
    if (member.key == key) return member.cell < 0 ? &member.members : nullptr;
  }
  Member& member = outer->emplace_back();
  member.key = key;
  return &member.members;
}

void CsvMembers::AppendRecord(const std::vector<CsvCell>& cells, std::string* json) const {
  AppendMembers(members_, cells, json);
}

void CsvMembers::AppendMembers(const std::vector<Member>& members,
                               const std::vector<CsvCell>& cells, std::string* json) {
  *json += '{';
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (i > 0) *json += ',';
    *json += member.key;
    if (member.cell >= 0) {
      AppendCell(cells[static_cast<size_t>(member.cell)], member.column, json);
    } else if (HasValue(member, cells)) {
      AppendMembers(member.members, cells, json);
    } else {
      *json += "null";
    }
  }
  *json += '}';
}

bool CsvMembers::HasValue(const Member& member, const std::vector<CsvCell>& cells) {
  if (member.cell >= 0) {
    const CsvCell& cell = cells[static_cast<size_t>(member.cell)];
    return !cell.text.empty() || cell.quoted;
  }
  return std::any_of(member.members.begin(), member.members.end(),
                     [&](const Member& inner) { return HasValue(inner, cells); });
}

void CsvMembers::AppendCell(const CsvCell& cell, const contract::Column* column,
                            std::string* json) {
  std::optional<LogicalType> type;
  if (column != nullptr && !column->list) type = column->type;
  if (cell.text.empty() && !cell.quoted) {
    *json += "null";
  } else if (type == LogicalType::kBoolean && absl::EqualsIgnoreCase(cell.text, "true")) {
    *json += "true";
  } else if (type == LogicalType::kBoolean && absl::EqualsIgnoreCase(cell.text, "false")) {
    *json += "false";
  } else if ((type == LogicalType::kInteger || type == LogicalType::kNumber) &&
             IsJsonNumber(cell.text)) {
    *json += cell.text;
  } else if (column != nullptr && column->list && IsJsonArray(cell.text)) {
    *json += cell.text;
  } else {
    AppendText(cell.text, json);
  }
}

}  // namespace sluice::sample
