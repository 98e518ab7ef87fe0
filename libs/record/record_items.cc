// RecordParser: arrays of objects. Their items are read token by token, so that each can be kept as
// it is written.

#include <algorithm>
#include <string>

#include "base/strings.h"
#include "record/record_parser.h"
#include "record/record_parser_internal.h"

namespace sluice::record {
namespace {

using batch::Reason;
using contract::LogicalType;
using contract::Member;
using simdjson::dom::element_type;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Append the path of member number `*left` of an object, and of those in it; false: it has fewer,
/// and they are taken off `*left`.
bool AppendPath(const Member& owner, int* left, std::string* path) {
  if (owner.members == nullptr) return false;
  for (const Member& member : *owner.members) {
    const size_t size = path->size();
    Append(path, ".", member.name);
    if ((*left)-- == 0 || AppendPath(member, left, path)) return true;
    path->resize(size);
  }
  return false;
}

}  // namespace

std::string Subject(const contract::Contract& contract, const Judgement& judgement) {
  if (judgement.member >= 0) {
    int left = judgement.member;
    for (const contract::Column& column : contract.columns) {
      std::string path = column.name;
      if (AppendPath(column, &left, &path)) return path;
    }
  }
  if (judgement.column >= 0) return contract.columns[static_cast<size_t>(judgement.column)].name;
  if (judgement.object >= 0) return contract.objects[static_cast<size_t>(judgement.object)].name;
  return "";
}

/// `member`: that of the record or of an item which `owner` is. As deep as the contract nests its
/// objects, as all that follows here.
void RecordParser::AddItemMembers(const Member& owner, int member) {
  if (owner.type != LogicalType::kJson) return;
  const size_t level = levels_.size();
  item_levels_[static_cast<size_t>(member)] = static_cast<int>(level);
  levels_.emplace_back();
  if (owner.members == nullptr) return;
  for (const Member& inner : *owner.members) {
    const int id = static_cast<int>(members_.size());
    members_.push_back(SpecOf(inner.name, inner, -1));
    item_levels_.push_back(-1);
    levels_[level].member_of.emplace(members_.back().name, id);
    levels_[level].expected.push_back(id);
    if (inner.required) levels_[level].required.push_back(id);
    AddItemMembers(inner, id);
  }
}

void RecordParser::StoreObjects(const Element& array, size_t position, int column) {
  if (texts_of_ != record_) {
    texts_of_ = record_;
    texts_.clear();
    texts_.reserve(text_.size());  // never moved by what is appended for this record
  }
  std::vector<Cell>& items = items_[static_cast<size_t>(column)];
  items.clear();
  item_column_ = column;
  size_t token = TokenOf(reading_, position);
  Level* const outer = std::exchange(reading_, &array_);
  const simdjson::dom::array values = array.value.get_array().value_unsafe();
  for (const simdjson::dom::element value : values) {
    ++token;  // the bracket or a comma
    Cell& item = items.emplace_back();
    item.null = value.is_null();
    if (item.null) {
      if (members_[static_cast<size_t>(column)].item_required) BlameItem(Reason::kMissingField, -1);
      ++token;
    } else if (value.is_object()) {
      const size_t begin = texts_.size();
      token = ReadItemObject({value, element_type::OBJECT}, column, token);
      item.text = std::string_view(texts_).substr(begin);
    } else {
      BlameItem(Reason::kWrongType, -1);
      token = TokenBehind(token);
    }
  }
  reading_ = outer;
  Cell& cell = cells_[static_cast<size_t>(column)];
  cell.items = items.data();
  cell.count = static_cast<uint32_t>(items.size());
}

/// `owner`: the column whose item it is, or the member of an item that it is, or whose item.
size_t RecordParser::ReadItemObject(const Element& object, int owner, size_t token) {
  Level& level = levels_[static_cast<size_t>(item_levels_[static_cast<size_t>(owner)])];
  level.few_unknown.clear();
  if (!level.many_unknown.empty()) level.many_unknown.clear();
  const uint64_t number = ++item_object_;
  const int self = owner < columns_ ? -1 : owner;
  size_t position = 0;
  texts_ += '{';
  bool empty = true;
  const simdjson::dom::object members = object.value.get_object().value_unsafe();
  for (auto it = members.begin(), end = members.end(); it != end; ++it, ++position) {
    ++token;  // the bracket or a comma
    const std::string_view name = it.key();
    int member = position < level.expected.size() ? level.expected[position] : -1;
    if (member < 0 || members_[static_cast<size_t>(member)].name != name)
      member = FindMember(name, position, &level);
    if (member < 0) {
      if (IsRepeatedUnknown(name, &level)) BlameItem(Reason::kDuplicateKey, self);
      if (contract_->unknown_fields == contract::UnknownFields::kReject)
        BlameItem(Reason::kUnknownField, self);
      token = TokenBehind(token + 2);
      continue;
    }
    if (std::exchange(seen_[static_cast<size_t>(member)], number) == number) {
      BlameItem(Reason::kDuplicateKey, member);
      token = TokenBehind(token + 2);
      continue;
    }
    if (!std::exchange(empty, false)) texts_ += ',';
    AppendToken(token);
    texts_ += ':';
    const simdjson::dom::element value = it.value();
    token = ReadItemMember({value, value.type()}, member, token + 2);
  }
  texts_ += '}';
  // One object of many members is enough to look for what all of them lack.
  if (!judgement_.reason || *judgement_.reason > Reason::kMissingField) {
    for (const int member : level.required) {
      if (seen_[static_cast<size_t>(member)] != number) BlameItem(Reason::kMissingField, member);
    }
  }
  return token + (position == 0 ? 2 : 1);
}

size_t RecordParser::ReadItemMember(const Element& value, int member, size_t token) {
  const MemberSpec& spec = members_[static_cast<size_t>(member)];
  if (value.type == element_type::NULL_VALUE) {
    if (spec.required) BlameItem(Reason::kMissingField, member);
    AppendToken(token);
    return token + 1;
  }
  if (spec.list && value.type == element_type::ARRAY) return ReadItemArray(value, member, token);
  if (spec.list) {
    BlameItem(Reason::kWrongType, member);
    return TokenBehind(token);
  }
  if (spec.type != LogicalType::kJson) return ReadItemScalar(value, member, token);
  if (value.type == element_type::OBJECT) return ReadItemObject(value, member, token);
  BlameItem(Reason::kWrongType, member);
  return TokenBehind(token);
}

size_t RecordParser::ReadItemArray(const Element& value, int member, size_t token) {
  const MemberSpec& spec = members_[static_cast<size_t>(member)];
  bool empty = true;
  texts_ += '[';
  const simdjson::dom::array items = value.value.get_array().value_unsafe();
  for (const simdjson::dom::element item : items) {
    ++token;  // the bracket or a comma
    if (!std::exchange(empty, false)) texts_ += ',';
    const Element element{item, item.type()};
    if (element.type == element_type::NULL_VALUE) {
      if (spec.item_required) BlameItem(Reason::kMissingField, member);
      AppendToken(token++);
    } else if (spec.type != LogicalType::kJson) {
      token = ReadItemScalar(element, member, token);
    } else if (element.type == element_type::OBJECT) {
      token = ReadItemObject(element, member, token);
    } else {
      BlameItem(Reason::kWrongType, member);
      token = TokenBehind(token);
    }
  }
  texts_ += ']';
  return token + (empty ? 2 : 1);
}

size_t RecordParser::ReadItemScalar(const Element& value, int member, size_t token) {
  array_.token = token;  // where Store finds the text of a number
  array_.token_member = 0;
  Cell unused;
  if (const auto reason = Store(value, 0, members_[static_cast<size_t>(member)], &unused)) {
    BlameItem(*reason, member);
    return TokenBehind(token);
  }
  AppendToken(token);
  return token + 1;
}

/// As it is written, without the white space behind it. There is always a token behind it.
void RecordParser::AppendToken(size_t token) {
  const uint32_t* const begins = json_->parser.implementation->structural_indexes.get();
  const std::string_view source = wide_numbers_ ? source_ : text_;
  const size_t begin = begins[token];
  size_t end = begins[token + 1];
  while (IsSpace(source[end - 1])) --end;
  texts_.append(source.substr(begin, end - begin));
}

void RecordParser::BlameItem(Reason reason, int member) {
  if (judgement_.reason && *judgement_.reason <= reason) return;
  Blame(reason, item_column_);
  if (member >= 0)
    judgement_.member = member - columns_ - static_cast<int>(contract_->objects.size());
}

}  // namespace sluice::record
