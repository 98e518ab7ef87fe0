#pragma once
// What a sample shows about one member of its records.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/contract.h"

namespace sluice::sample {

/// A set of contract::LogicalType.
using Types = uint32_t;
constexpr Types Bit(contract::LogicalType type) { return Types{1} << static_cast<int>(type); }

class MemberFacts;

/// The record, or an object in it: its members, in the order in which they were first seen.
class ObjectFacts {
 public:
  /// Null when it was not seen yet.
  MemberFacts* Find(std::string_view name);
  MemberFacts* Add(std::string_view name);
  const std::deque<MemberFacts>& members() const { return members_; }

 private:
  std::deque<MemberFacts> members_;
  std::map<std::string_view, MemberFacts*> by_name_;
};

class MemberFacts {
 public:
  explicit MemberFacts(std::string_view name) : name_(name) {}

  const std::string& name() const { return name_; }

  // One of these per record that has the member and is not null there.
  void AddBoolean();
  void AddNumber(std::string_view token);  ///< as JSON writes it
  void AddText(std::string_view text);
  void AddCell(std::string_view text);  ///< of CSV: may be meant as any of them
  ObjectFacts* AddObject();             ///< whose members are to be looked at, too
  MemberFacts* AddArray();  ///< whose items are to be looked at, as values of one member
  void AddUnfit(std::string_view why);  ///< an object or an array that no contract allows

  /// False when it was seen in the object of this number already.
  bool SeenIn(int64_t object) { return std::exchange(seen_in_, object) != object; }

  /// How many records have a value.
  int64_t values() const { return values_; }
  /// The narrowest type that holds every value; nothing: there is none. A member that was always
  /// null is a string.
  std::optional<contract::LogicalType> Type() const;
  /// Its members, when every value was an object; null: one was none.
  const ObjectFacts* Object() const;
  /// Its items, when every value was an array; null: one was none. Arrays of arrays are unfit.
  const MemberFacts* Items() const;
  /// Why there is no type.
  std::string WhyNoType() const;
  /// The values of a text that takes few, in order; empty: it takes many, or was seen too rarely.
  std::vector<std::string> FewValues() const;
  /// What was seen, for a comment: "0 to 250", "up to 36 characters"; may be empty.
  std::string Seen() const;

 private:
  void Add(Types fits);
  Types TypesOfText(std::string_view text);
  Types TypesOfNumber(std::string_view token);
  void Remember(std::string_view text);

  std::string name_;
  int64_t values_ = 0;
  Types fits_ = ~Types{0};
  int64_t seen_in_ = -1;  // number of the last object that had it
  int64_t objects_ = 0;
  std::unique_ptr<ObjectFacts> object_;
  int64_t arrays_ = 0;
  std::unique_ptr<MemberFacts> items_;
  std::string unfit_;
  double smallest_ = 0, largest_ = 0;  // of numbers
  int64_t numbers_ = 0;
  size_t longest_ = 0;                         // of texts, in bytes
  std::map<std::string, int64_t> few_values_;  // of texts, while they are few
  bool many_values_ = false;
};

}  // namespace sluice::sample
