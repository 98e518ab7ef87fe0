#include "record/record_parser.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "contract/time_format.h"
#include "contract/timestamp.h"
#include "record/record_parser_internal.h"
#include "record/time_parser.h"

namespace sluice::record {
namespace {

using batch::Reason;
using batch::Verdict;
using contract::LogicalType;
using simdjson::dom::element_type;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kSmallCapacity = size_t{16} << 10;
constexpr size_t kKeptCapacity = size_t{1} << 20;
// Up to so many unknown members are compared one by one, which is cheaper than hashing.
constexpr size_t kFewUnknown = 8;
// simdjson's tokens before a value. Of a member: bracket or comma, name, colon; of an item: bracket
// or comma.
constexpr size_t kTokensOfMember = 3;
constexpr size_t kTokensOfItem = 1;

/// Names are short: two overlapping words tell most of them apart without a call.
inline bool SameName(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a.size() < 8 || a.size() > 16) return std::memcmp(a.data(), b.data(), a.size()) == 0;
  uint64_t words[4];
  std::memcpy(&words[0], a.data(), 8);
  std::memcpy(&words[1], b.data(), 8);
  std::memcpy(&words[2], a.data() + a.size() - 8, 8);
  std::memcpy(&words[3], b.data() + b.size() - 8, 8);
  return words[0] == words[1] && words[2] == words[3];
}

/// The first bytes of a key, `limit` at most, but not a part of a character: a text stays one.
std::string_view CutKey(std::string_view key, size_t limit) {
  if (key.size() <= limit) return key;
  const auto continues = [&](size_t i) { return (key[i] & 0xC0) == 0x80; };
  size_t end = limit;
  while (end > 0 && limit - end < 3 && continues(end)) --end;
  return key.substr(0, continues(end) ? limit : end);
}

Limits Sane(Limits limits) {
  limits.max_record_bytes = std::clamp<int64_t>(limits.max_record_bytes, 1, int64_t{256} << 20);
  limits.max_raw_bytes = std::clamp<int64_t>(limits.max_raw_bytes, 0, int64_t{256} << 20);
  limits.max_key_bytes = std::clamp<int64_t>(limits.max_key_bytes, 0, int64_t{1} << 20);
  limits.max_depth = std::clamp(limits.max_depth, 1, 1 << 20);
  return limits;
}

}  // namespace

Limits LimitsOf(const contract::PipelineConfig& pipeline) {
  Limits limits;
  limits.max_record_bytes = pipeline.max_record_bytes;
  limits.max_raw_bytes = pipeline.max_raw_bytes;
  limits.max_key_bytes = pipeline.max_key_bytes;
  limits.max_depth = pipeline.max_depth;
  return limits;
}

RecordParser::RecordParser(std::shared_ptr<const contract::Contract> contract, const Limits& limits)
    : contract_(std::move(contract)),
      limits_(Sane(limits)),
      json_(std::make_unique<Simdjson>()),
      scanner_(limits_.max_depth),
      columns_(static_cast<int>(contract_->columns.size())),
      levels_(contract_->objects.size() + 1),
      cells_(contract_->columns.size()),
      items_(contract_->columns.size()) {
  AddMembers();
}

RecordParser::MemberSpec RecordParser::SpecOf(std::string_view name, const contract::Member& member,
                                              int object) {
  return {
      name,   member.type,        member.list,        member.required,         member.item_required,
      object, member.integer_min, member.integer_max, member.time_format.get()};
}

void RecordParser::AddMembers() {
  for (const contract::Column& column : contract_->columns) {
    members_.push_back(
        SpecOf(contract_->MemberName(column.name, column.object), column, column.object));
  }
  for (const contract::Object& object : contract_->objects) {
    members_.push_back({contract_->MemberName(object.name, object.parent), LogicalType::kString,
                        false, object.required, false, object.parent, 0, 0, nullptr});
  }
  const auto add = [this](int member) {
    Level& level = levels_[static_cast<size_t>(members_[member].object + 1)];
    if (level.member_of.emplace(members_[member].name, member).second)
      level.expected.push_back(member);
  };
  // In the order of the contract: the objects around a column come before it.
  for (int column = 0; column < columns_; ++column) {
    for (int outer = -1, inner; (inner = contract_->ObjectBetween(outer, column)) >= 0;
         outer = inner)
      add(columns_ + inner);
    add(column);
  }
  item_levels_.resize(members_.size(), -1);
  for (int column = 0; column < columns_; ++column)
    AddItemMembers(contract_->columns[static_cast<size_t>(column)], column);
  for (size_t i = 0; i < levels_.size(); ++i) {
    Level& level = levels_[i];
    if (i > 0 && i <= contract_->objects.size()) {
      level.object = static_cast<int>(i) - 1;
      level.outer = &levels_[static_cast<size_t>(contract_->objects[i - 1].parent + 1)];
    }
    // Records with members that the contract does not know are longer than the contract.
    level.expected.resize(2 * level.expected.size() + 16, -1);
  }
  array_.tokens_between = kTokensOfItem;
  seen_.resize(members_.size(), 0);
}

RecordParser::~RecordParser() = default;

Judgement RecordParser::Parse(std::optional<std::string_view> key,
                              std::optional<std::string_view> value, int64_t timestamp_ms,
                              int64_t offset, BatchBuilder* builder) {
  const Judgement judgement = Judge(key, value, timestamp_ms);
  RecordHead head{offset, std::nullopt, key};
  if (timestamp_ms >= 0 && timestamp_ms <= kMaxTimestampMs) head.timestamp_ms = timestamp_ms;
  if (judgement.verdict == Verdict::kValid) {
    builder->AppendValid(head, cells_);
    return judgement;
  }
  if (key) head.key = CutKey(*key, static_cast<size_t>(limits_.max_key_bytes));
  AppendCorrupt(head, judgement, value, builder);
  return judgement;
}

std::optional<Reason> RecordParser::CheckJson(std::string_view value) { return Read(value); }

Judgement RecordParser::Judge(std::optional<std::string_view> key,
                              std::optional<std::string_view> value, int64_t timestamp_ms) {
  if (key && static_cast<int64_t>(key->size()) > limits_.max_key_bytes) {
    return {Verdict::kCorrupt, Reason::kOversizeKey};
  }
  if (timestamp_ms < -1 || timestamp_ms > kMaxTimestampMs) {
    return {Verdict::kCorrupt, Reason::kInvalidRecordTimestamp};
  }
  if (!value) return {Verdict::kTombstone, std::nullopt};
  if (const std::optional<Reason> reason = Read(*value)) return {Verdict::kCorrupt, reason};
  return ReadRecord();
}

std::optional<Reason> RecordParser::Read(std::string_view value) {
  if (value.empty()) return Reason::kEmptyValue;
  if (static_cast<int64_t>(value.size()) > limits_.max_record_bytes) return Reason::kOversize;
  if (value.substr(0, 3) == kByteOrderMark) return Reason::kByteOrderMark;
  Reserve(value.size());
  std::memcpy(json_->buffer.get(), value.data(), value.size());
  text_ = {reinterpret_cast<const char*>(json_->buffer.get()), value.size()};
  wide_numbers_ = false;
  const auto error =
      json_->parser.parse(json_->buffer.get(), value.size(), /*realloc_if_needed=*/false)
          .get(json_->root);
  return error == simdjson::SUCCESS ? std::nullopt : ReadAgain(value);
}

/// simdjson refused the text: find out why, or read it without the numbers that are too wide for
/// simdjson.
std::optional<Reason> RecordParser::ReadAgain(std::string_view value) {
  if (!simdjson::validate_utf8(value.data(), value.size())) return Reason::kInvalidUtf8;
  char* const copy = reinterpret_cast<char*>(json_->buffer.get());
  if (const std::optional<Reason> reason = scanner_.Scan(value, copy)) return reason;
  wide_numbers_ = true;
  source_ = value;
  const auto error =
      json_->parser.parse(json_->buffer.get(), value.size(), /*realloc_if_needed=*/false)
          .get(json_->root);
  return error == simdjson::SUCCESS ? std::nullopt : std::optional(Reason::kInvalidJson);
}

void RecordParser::Reserve(size_t bytes) {
  const bool release = json_->capacity > kKeptCapacity && bytes <= kKeptCapacity;
  if (bytes <= json_->capacity && !release) return;
  if (release) {
    for (std::vector<Cell>& items : items_) items = {};
    texts_ = std::string();
  }
  size_t capacity = kSmallCapacity;
  while (capacity < bytes) capacity *= 2;
  json_->buffer = std::make_unique<uint8_t[]>(capacity + simdjson::SIMDJSON_PADDING);
  json_->parser = simdjson::dom::parser();
  json_->capacity = capacity;
  // simdjson counts one level more than we do. Without memory no verdict is right: end as `new`
  // does.
  if (json_->parser.allocate(capacity, limits_.max_depth + 1) != simdjson::SUCCESS ||
      json_->parser.doc.allocate(capacity) != simdjson::SUCCESS) {
    std::terminate();
  }
}

Judgement RecordParser::ReadRecord() {
  const Element record{json_->root, json_->root.type()};
  if (record.type != element_type::OBJECT) return {Verdict::kCorrupt, Reason::kNotAnObject};
  judgement_ = {};
  ++record_;
  ReadMembers(record, &levels_[0]);
  BlameMissing();
  return judgement_;
}

void RecordParser::ReadMembers(const Element& record, Level* level) {
  level->present_in = record_;
  level->token = level->outer == nullptr ? kTokensOfMember : 0;
  level->token_member = 0;
  level->few_unknown.clear();
  if (!level->many_unknown.empty()) level->many_unknown.clear();
  reading_ = level;
  const MemberSpec* const members = members_.data();
  const int* const expected = level->expected.data();
  const size_t in_reach = level->expected.size();
  const simdjson::dom::object object = record.value.get_object().value_unsafe();
  size_t position = 0;
  for (auto it = object.begin(), end = object.end(); it != end; ++it, ++position) {
    const std::string_view name = it.key();
    // A producer writes its members in the same order every time.
    int member = position < in_reach ? expected[position] : -1;
    if (member < 0 || !SameName(members[member].name, name))
      member = FindMember(name, position, level);
    if (member < 0) {
      if (IsRepeatedUnknown(name, level)) Blame(Reason::kDuplicateKey, -1, level->object);
      if (contract_->unknown_fields == contract::UnknownFields::kReject) {
        Blame(Reason::kUnknownField, -1, level->object);
      }
      continue;
    }
    const bool is_column = member < columns_;
    if (seen_[member] == record_) {
      is_column ? Blame(Reason::kDuplicateKey, member)
                : Blame(Reason::kDuplicateKey, -1, member - columns_);
      continue;
    }
    seen_[member] = record_;
    const simdjson::dom::element value = it.value();
    if (!is_column) {
      ReadInner({value, value.type()}, member - columns_, position);
      reading_ = level;
      continue;
    }
    const Element element{value, value.type()};
    const auto reason = members[member].list
                            ? StoreItems(element, position, member)
                            : Store(element, position, members[member], &cells_[member]);
    if (reason) Blame(*reason, member);
  }
}

/// As deep as the contract nests its objects, which is not deep.
void RecordParser::ReadInner(const Element& value, int object, size_t position) {
  if (value.type == element_type::NULL_VALUE) return;
  Level& level = levels_[static_cast<size_t>(object + 1)];
  level.given_in = record_;
  level.position = position;
  if (value.type == element_type::OBJECT) {
    ReadMembers(value, &level);
  } else {
    Blame(Reason::kWrongType, -1, object);
  }
}

/// What is not there is null, and nobody misses what is in an object that is not there.
void RecordParser::BlameMissing() {
  for (int i = 0; i < columns_; ++i) {
    if (seen_[i] != record_) cells_[i].null = true;
    if (cells_[i].null && members_[i].required && IsPresent(members_[i].object))
      Blame(Reason::kMissingField, i);
  }
  for (size_t i = 1; i <= contract_->objects.size(); ++i) {
    const contract::Object& object = contract_->objects[i - 1];
    if (object.required && levels_[i].given_in != record_ && IsPresent(object.parent))
      Blame(Reason::kMissingField, -1, static_cast<int>(i) - 1);
  }
}

bool RecordParser::IsPresent(int object) const {
  return levels_[static_cast<size_t>(object + 1)].present_in == record_;
}

/// The reasons of the content stand in the order of their precedence in batch::Reason.
void RecordParser::Blame(Reason reason, int column, int object) {
  if (judgement_.reason && *judgement_.reason <= reason) return;
  judgement_ = {Verdict::kCorrupt, reason, column, object};
}

int RecordParser::FindMember(std::string_view name, size_t position, Level* level) {
  const auto found = level->member_of.find(name);
  if (found == level->member_of.end()) return -1;
  if (position < level->expected.size()) level->expected[position] = found->second;
  return found->second;
}

bool RecordParser::IsRepeatedUnknown(std::string_view name, Level* level) {
  auto& few = level->few_unknown;
  auto& many = level->many_unknown;
  if (!many.empty()) return !many.insert(name).second;
  if (std::find(few.begin(), few.end(), name) != few.end()) return true;
  few.push_back(name);
  if (few.size() > kFewUnknown) many.insert(few.begin(), few.end());
  return false;
}

std::optional<Reason> RecordParser::Store(const Element& element, size_t position,
                                          const MemberSpec& column, Cell* cell) {
  cell->null = element.type == element_type::NULL_VALUE;
  if (cell->null) return std::nullopt;
  switch (column.type) {
    case LogicalType::kString:
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
    case LogicalType::kTime:
      if (element.type != element_type::STRING) return Reason::kWrongType;
      return StoreText(element.value.get_string().value_unsafe(), column, cell);
    case LogicalType::kBoolean:
      if (element.type != element_type::BOOL) return Reason::kWrongType;
      cell->integer = element.value.get_bool().value_unsafe() ? 1 : 0;
      return std::nullopt;
    case LogicalType::kNumber:
      return StoreNumber(element, position, cell);
    case LogicalType::kInteger:
      return StoreInteger(element, position, column, cell);
    case LogicalType::kJson:
      break;  // StoreObjects
  }
  return Reason::kWrongType;
}

/// Of the reasons of its items, the first in the order of their precedence.
std::optional<Reason> RecordParser::StoreItems(const Element& element, size_t position,
                                               int column) {
  Cell& cell = cells_[column];
  cell.null = element.type == element_type::NULL_VALUE;
  if (cell.null) return std::nullopt;
  if (element.type != element_type::ARRAY) return Reason::kWrongType;
  const MemberSpec& spec = members_[column];
  if (spec.type == LogicalType::kJson) {
    StoreObjects(element, position, column);
    return std::nullopt;
  }
  std::vector<Cell>& items = items_[column];
  items.clear();
  array_.outer = reading_;
  array_.position = position;
  array_.token = 0;
  array_.token_member = 0;
  reading_ = &array_;
  std::optional<Reason> worst;
  const simdjson::dom::array values = element.value.get_array().value_unsafe();
  for (const simdjson::dom::element value : values) {
    Cell& item = items.emplace_back();
    std::optional<Reason> reason = Store({value, value.type()}, items.size() - 1, spec, &item);
    if (item.null && spec.item_required) reason = Reason::kMissingField;
    if (reason && (!worst || *reason < *worst)) worst = reason;
  }
  reading_ = array_.outer;
  cell.items = items.data();
  cell.count = static_cast<uint32_t>(items.size());
  return worst;
}

std::optional<Reason> RecordParser::StoreInteger(const Element& element, size_t position,
                                                 const MemberSpec& column, Cell* cell) {
  if (const WideNumber* const wide = FindWide(position)) {
    return wide->integer ? Reason::kNumberOutOfRange : Reason::kWrongType;
  }
  if (element.type == element_type::UINT64) return Reason::kNumberOutOfRange;  // beyond int64
  if (element.type != element_type::INT64) return Reason::kWrongType;
  cell->integer = element.value.get_int64().value_unsafe();
  if (cell->integer < column.integer_min || cell->integer > column.integer_max) {
    return Reason::kNumberOutOfRange;
  }
  return std::nullopt;
}

std::optional<Reason> RecordParser::StoreText(std::string_view text, const MemberSpec& column,
                                              Cell* cell) {
  if (column.type == LogicalType::kString) {
    cell->text = text;
    const bool nul = !text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr;
    return nul ? std::optional(Reason::kNulCharacter) : std::nullopt;
  }
  const auto unless = [](bool good, Reason reason) {
    return good ? std::nullopt : std::optional(reason);
  };
  const contract::TimeFormat* const format = column.time_format;
  if (column.type == LogicalType::kTimestamp) {
    return unless(format != nullptr ? format->Parse(text, &cell->integer)
                                    : ParseTimestamp(text, &cell->integer),
                  Reason::kInvalidTimestamp);
  }
  if (column.type == LogicalType::kTime) {
    return unless(format != nullptr ? format->Parse(text, &cell->integer)
                                    : contract::ParseTimeOfDay(text, &cell->integer),
                  Reason::kInvalidTime);
  }
  if (format != nullptr) return unless(format->Parse(text, &cell->integer), Reason::kInvalidDate);
  int32_t days = 0;
  if (!ParseDate(text, &days)) return Reason::kInvalidDate;
  cell->integer = days;
  return std::nullopt;
}

std::optional<Reason> RecordParser::StoreNumber(const Element& element, size_t position,
                                                Cell* cell) {
  if (const WideNumber* const wide = FindWide(position)) {
    if (wide->overflow) return Reason::kNumberOutOfRange;
    cell->number = wide->value;
    return std::nullopt;
  }
  switch (element.type) {
    case element_type::INT64:
      cell->number = static_cast<double>(element.value.get_int64().value_unsafe());
      // simdjson reads -0 as an integer, which has no sign of its own.
      if (cell->number == 0 && NumberText(position)[0] == '-') cell->number = -0.0;
      return std::nullopt;
    case element_type::UINT64:
      cell->number = static_cast<double>(element.value.get_uint64().value_unsafe());
      return std::nullopt;
    case element_type::DOUBLE:
      break;
    default:
      return Reason::kWrongType;
  }
  cell->number = element.value.get_double().value_unsafe();
  // simdjson reads 1e-400 as zero without a word.
  if (cell->number == 0 && HasNonZeroDigit(NumberText(position))) return Reason::kNumberOutOfRange;
  return std::nullopt;
}

/// The text from the value of a member on.
std::string_view RecordParser::NumberText(size_t position) const {
  const size_t token = TokenOf(reading_, position);
  return text_.substr(json_->parser.implementation->structural_indexes[token]);
}

/// simdjson keeps where each token begins: a bracket, colon or comma, a string, number or word.
/// Members are asked for in their order, so all walks of a level together are linear; the walk of
/// an outer level passes over what inner ones have walked through.
size_t RecordParser::TokenOf(Level* level, size_t position) const {
  if (level->token == 0) {
    level->token = TokenOf(level->outer, level->position) + level->tokens_between;
  }
  size_t token = level->token;
  for (; level->token_member < position; ++level->token_member)
    token = TokenBehind(token) + level->tokens_between;
  return level->token = token;
}

/// Behind the value that begins at `token`.
size_t RecordParser::TokenBehind(size_t token) const {
  const uint32_t* const begins = json_->parser.implementation->structural_indexes.get();
  int depth = 0;
  do {
    const char c = text_[begins[token++]];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  } while (depth > 0);
  return token;
}

const WideNumber* RecordParser::FindWide(size_t position) const {
  if (!wide_numbers_) return nullptr;
  const auto offset = static_cast<size_t>(NumberText(position).data() - text_.data());
  const auto& wide = scanner_.wide();
  const auto found = std::lower_bound(wide.begin(), wide.end(), offset,
                                      [](const WideNumber& w, size_t o) { return w.offset < o; });
  return found != wide.end() && found->offset == offset ? &*found : nullptr;
}

void RecordParser::AppendCorrupt(const RecordHead& head, const Judgement& judgement,
                                 std::optional<std::string_view> value, BatchBuilder* builder) {
  if (!value) {
    builder->AppendWithoutColumns(head, judgement.verdict, judgement.reason, nullptr);
    return;
  }
  RawValue raw;
  raw.bytes = value->substr(0, limits_.max_raw_bytes);
  raw.length = static_cast<int32_t>(value->size());
  EVP_MD_CTX* const context = json_->sha256_context;
  EVP_DigestInit_ex(context, json_->sha256, nullptr);
  EVP_DigestUpdate(context, value->data(), value->size());
  EVP_DigestFinal_ex(context, raw.sha256.data(), nullptr);
  builder->AppendWithoutColumns(head, judgement.verdict, judgement.reason, &raw);
}

}  // namespace sluice::record
