#include "contract/compatibility.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "contract/implication.h"
#include "contract/names.h"
#include "contract/time_format.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kOldBreaksNew = "records that were clean may break it";
constexpr std::string_view kObjectOrValue = "one has an object where the other has a value";
constexpr std::string_view kNewBreaksOld = "new records may break what the old contract demands";

std::string Both(std::string backward, std::string_view forward) {
  if (!backward.empty() && !forward.empty()) backward += "; ";
  return backward.append(forward);
}

bool IsTimed(const Member& member) {
  return member.type == LogicalType::kDate || member.type == LogicalType::kTimestamp ||
         member.type == LogicalType::kTime;
}

/// Whether both read the same times from the same texts.
bool IsWrittenAlike(const Member& a, const Member& b) {
  if (a.time_format == nullptr || b.time_format == nullptr) return a.time_format == b.time_format;
  return *a.time_format == *b.time_format;
}

/// Whether a member that fits `narrow` fits `wide` as well, and is the same value there. Not of
/// objects.
bool Holds(const Member& wide, const Member& narrow) {
  if (wide.list != narrow.list) return false;
  if (wide.type == narrow.type) {
    if (IsTimed(wide)) return IsWrittenAlike(wide, narrow);
    return wide.type != LogicalType::kInteger ||
           (wide.integer_min <= narrow.integer_min && wide.integer_max >= narrow.integer_max);
  }
  if (wide.type == LogicalType::kNumber) return narrow.type == LogicalType::kInteger;
  return wide.type == LogicalType::kString && IsTimed(narrow);
}

std::string NotEvery(std::string_view from, std::string_view to) {
  return Concat("not every ", from, " is also a valid ", to);
}

/// All that is executed of it, apart from the dimension.
std::string Describe(const std::optional<Freshness>& freshness) {
  return freshness ? absl::FormatDuration(freshness->objective) : "none";
}

std::string Describe(const Metric& metric, const Contract& contract) {
  std::string text = metric.metric;
  if (!metric.column.empty()) Append(&text, " of ", metric.column);
  // The names of the others say what they count.
  if (metric.metric != "nullValues" && metric.predicate)
    Append(&text, " (not ", metric.predicate->text, ")");
  if (metric.column.empty() && !metric.compared.empty())
    Append(&text, " of (", contract.NamesOf(metric.compared), ")");
  Append(&text, " ", metric.Asked(), ", ", metric.severity);
  return text;
}

class Comparer {
 public:
  Comparer(const Contract& before, const Contract& after) : before_(before), after_(after) {}

  Comparison Run() {
    for (const Column& column : before_.columns) {
      const int index = after_.FindCounterpart(column);
      if (IsInNewObject(before_, column, after_)) continue;
      if (index < 0) {
        Removed(column);
      } else {
        Changed(column, after_.columns[static_cast<size_t>(index)]);
      }
    }
    for (const Column& column : after_.columns) {
      if (IsInNewObject(after_, column, before_)) continue;
      if (before_.FindCounterpart(column) < 0) Added(column);
    }
    CompareObjects();
    CompareRules();
    CompareMetrics();
    CompareFreshness();
    CompareUnknownFields();
    return std::move(result_);
  }

 private:
  void Add(std::string what, bool backward, bool forward, std::string reason) {
    result_.changes.push_back({std::move(what), backward, forward, std::move(reason)});
  }

  /// Whether `column` of `contract` is in an object that `other` does not have: then the object is
  /// what has come or gone.
  static bool IsInNewObject(const Contract& contract, const Column& column, const Contract& other) {
    return column.object >= 0 &&
           other.FindObject(contract.objects[static_cast<size_t>(column.object)].name) < 0;
  }

  void CompareObjects() {
    for (const Object& object : before_.objects) {
      const int index = after_.FindObject(object.name);
      if (index >= 0) {
        CompareRequired(Concat("object ", object.name), object.required,
                        after_.objects[static_cast<size_t>(index)].required);
      } else if (IsOutermost(before_, object, after_)) {
        Gone(Concat("object ", object.name), object.required, HasMember(after_, object));
      }
    }
    for (const Object& object : after_.objects) {
      if (before_.FindObject(object.name) >= 0 || !IsOutermost(after_, object, before_)) continue;
      Come(Concat("object ", object.name), object.required, "object", HasMember(before_, object));
    }
  }

  /// Of an object that `other` does not have: whether `other` has the one around it.
  static bool IsOutermost(const Contract& contract, const Object& object, const Contract& other) {
    return object.parent < 0 ||
           other.FindObject(contract.objects[static_cast<size_t>(object.parent)].name) >= 0;
  }

  /// Whether a column of `contract` is the same member of the record.
  static bool HasMember(const Contract& contract, const Object& object) {
    const int index = contract.FindColumn(object.name);
    return index >= 0 &&
           (contract.columns[static_cast<size_t>(index)].object < 0) == (object.parent < 0);
  }

  static bool HasMember(const Contract& contract, const Column& column) {
    const int index = contract.FindObject(column.name);
    return index >= 0 &&
           (contract.objects[static_cast<size_t>(index)].parent < 0) == (column.object < 0);
  }

  void Added(const Column& column) {
    Come(Concat("column ", column.name), column.required, TypeName(column),
         HasMember(before_, column));
  }

  void Removed(const Column& column) {
    Gone(Concat("column ", column.name), column.required, HasMember(after_, column));
  }

  /// `changed`: the other contract has the member too, an object where this is a column, or the
  /// other way round.
  void Come(const std::string& what, bool required, std::string_view type, bool changed) {
    const bool open = before_.unknown_fields == UnknownFields::kIgnore;
    std::string backward, forward;
    if (changed) {
      backward = kObjectOrValue;
    } else if (open) {
      backward = "old records may have it with any value, as unknown fields were ignored";
    } else if (required) {
      backward = "old records do not have it";
    }
    if (!changed && !open) forward = "the old contract rejects it as an unknown field";
    const bool is_backward = backward.empty(), is_forward = forward.empty() && !changed;
    Add(Concat(what, ": added, ", required ? "required " : "optional ", type), is_backward,
        is_forward, Both(std::move(backward), forward));
  }

  void Gone(const std::string& what, bool required, bool changed) {
    const bool open = after_.unknown_fields == UnknownFields::kIgnore;
    std::string backward, forward;
    if (changed) {
      backward = kObjectOrValue;
    } else if (!open) {
      backward = "old records may have it, and unknown fields are rejected";
    }
    if (!changed && open) {
      forward = "new records may have it with any value, as unknown fields are ignored";
    } else if (!changed && required) {
      forward = "the old contract requires it";
    }
    const bool is_backward = backward.empty(), is_forward = forward.empty() && !changed;
    Add(Concat(what, ": removed"), is_backward, is_forward, Both(std::move(backward), forward));
  }

  void CompareRequired(const std::string& what, bool old, bool now) {
    if (old == now) return;
    Add(Concat(what, now ? ": required" : ": no longer required"), !now, !old,
        now ? "old records may not have it" : "the old contract requires it");
  }

  /// `what`: "column a" or, in an item, "member a.b".
  void CompareTypes(const std::string& what, const Member& old, const Member& now) {
    const bool backward = Holds(now, old), forward = Holds(old, now);
    if (const std::string was = TypeName(old), is = TypeName(now); was != is) {
      Add(Concat(what, ": ", was, " -> ", is), backward, forward,
          Both(backward ? "" : NotEvery(was, is), forward ? "" : NotEvery(is, was)));
    } else if (IsTimed(old) && !backward) {
      const std::string_view reason = "what one reads, the other refuses or reads as another time";
      Add(Concat(what, ": written in another way"), false, false, std::string(reason));
    } else if (!backward || !forward) {
      Add(Concat(what, ": from ", old.integer_min, " to ", old.integer_max, " -> ", "from ",
                 now.integer_min, " to ", now.integer_max),
          backward, forward,
          Both(backward ? "" : "old values may be out of range",
               forward ? "" : "new values may be out of the old range"));
    }
  }

  void CompareValues(std::string_view kind, const std::string& path, const Member& old,
                     const Member& now) {
    const std::string what = Concat(kind, path);
    if (old.list == now.list && old.members != nullptr && now.members != nullptr) {
      CompareMembers(path, *old.members, *now.members);
    } else {
      CompareTypes(what, old, now);
    }
    CompareRequired(what, old.required, now.required);
    if (old.list && now.list && old.item_required != now.item_required) {
      const bool required = now.item_required;
      Add(Concat(what, required ? ": items required" : ": items no longer required"), !required,
          required, Concat(required ? "old" : "new", " records may have an item that is null"));
    }
  }

  /// Of an object in an item, or of an item.
  void CompareMembers(const std::string& path, const std::vector<Member>& old,
                      const std::vector<Member>& now) {
    constexpr std::string_view kMember = "member ";
    const auto find = [](const std::vector<Member>& members, const Member& member) {
      return std::find_if(members.begin(), members.end(),
                          [&](const Member& other) { return other.name == member.name; });
    };
    for (const Member& member : old) {
      const std::string inner = Concat(path, ".", member.name);
      const auto other = find(now, member);
      if (other == now.end()) {
        Gone(Concat(kMember, inner), member.required, false);
      } else {
        CompareValues(kMember, inner, member, *other);
      }
    }
    for (const Member& member : now) {
      if (find(old, member) == old.end())
        Come(Concat(kMember, path, ".", member.name), member.required, TypeName(member), false);
    }
  }

  void Changed(const Column& old, const Column& now) {
    CompareValues("column ", old.name, old, now);
    if (old.primary_key != now.primary_key) {
      Add(Concat("column ", old.name, now.primary_key ? ": primary key" : ": no primary key"), true,
          true, "");
    }
    if (old.TableName() != now.TableName()) {
      Add(Concat("column ", old.name, ": in PostgreSQL ", old.TableName(), " -> ", now.TableName()),
          true, true, "");
    }
    if (old.physical_type != now.physical_type) {
      const auto name = [](const std::string& type) { return type.empty() ? "default" : type; };
      Add(Concat("column ", old.name, ": physicalType ", name(old.physical_type), " -> ",
                 name(now.physical_type)),
          true, true, "");
    }
  }

  static const Rule* Find(const Contract& contract, std::string_view id) {
    for (const Rule& rule : contract.rules) {
      if (rule.id == id) return &rule;
    }
    return nullptr;
  }

  void CompareRules() {
    for (const Rule& rule : before_.rules) CompareRule(rule.id, &rule, Find(after_, rule.id));
    for (const Rule& rule : after_.rules) {
      if (Find(before_, rule.id) == nullptr) CompareRule(rule.id, nullptr, &rule);
    }
  }

  void CompareRule(const std::string& id, const Rule* old, const Rule* now) {
    const bool backward = now == nullptr || !IsEnforced(*now) || Implies(before_, after_, *now);
    const bool forward = old == nullptr || !IsEnforced(*old) || Implies(after_, before_, *old);
    std::string what = Concat("rule ", id, ": ");
    if (old == nullptr) {
      Append(&what, "added, ", Name(now->action), " unless ", now->predicate.text);
    } else if (now == nullptr) {
      Append(&what, "removed (", old->predicate.text, ")");
    } else if (old->predicate.text != now->predicate.text) {
      Append(&what, old->predicate.text, " -> ", now->predicate.text);
      if (old->action != now->action)
        Append(&what, ", ", Name(old->action), " -> ", Name(now->action));
    } else if (old->action != now->action) {
      Append(&what, Name(old->action), " -> ", Name(now->action));
    } else if (!backward || !forward) {
      what += "reads a column that has changed";
    } else {
      return;
    }
    Add(std::move(what), backward, forward,
        Both(backward ? "" : std::string(kOldBreaksNew), forward ? "" : kNewBreaksOld));
  }

  void CompareFreshness() {
    const std::string before = Describe(before_.freshness);
    const std::string after = Describe(after_.freshness);
    if (before != after) Add(Concat("freshness: ", before, " -> ", after), true, true, "");
  }

  static const Metric* FindMetric(const Contract& contract, std::string_view id) {
    for (const Metric& metric : contract.metrics) {
      if (metric.id == id) return &metric;
    }
    return nullptr;
  }

  // They judge no record, so that every change of theirs is compatible.
  void CompareMetrics() {
    for (const Metric& old : before_.metrics) {
      const Metric* now = FindMetric(after_, old.id);
      if (now == nullptr) {
        Add(Concat("metric ", old.id, ": removed (", Describe(old, before_), ")"), true, true, "");
      } else if (Describe(old, before_) != Describe(*now, after_)) {
        Add(Concat("metric ", old.id, ": ", Describe(old, before_), " -> ", Describe(*now, after_)),
            true, true, "");
      }
    }
    for (const Metric& now : after_.metrics) {
      if (FindMetric(before_, now.id) == nullptr)
        Add(Concat("metric ", now.id, ": added, ", Describe(now, after_)), true, true, "");
    }
  }

  void CompareUnknownFields() {
    if (before_.unknown_fields == after_.unknown_fields) return;
    const bool open = after_.unknown_fields == UnknownFields::kIgnore;
    Add(open ? "unknownFields: reject -> ignore" : "unknownFields: ignore -> reject", open, !open,
        open ? "new records may have fields that the old contract rejects"
             : "old records may have fields that no column names");
  }

  const Contract& before_;
  const Contract& after_;
  Comparison result_;
};

}  // namespace

Compatibility Comparison::compatibility() const {
  const bool backward =
      std::all_of(changes.begin(), changes.end(), [](const Change& c) { return c.backward; });
  const bool forward =
      std::all_of(changes.begin(), changes.end(), [](const Change& c) { return c.forward; });
  return backward ? (forward ? Compatibility::kFull : Compatibility::kBackward)
                  : (forward ? Compatibility::kForward : Compatibility::kNone);
}

std::string Comparison::ToString() const {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < changes.size(); ++i) {
    if (i == kShown) return Concat(text, "; and ", changes.size() - kShown, " more");
    const Change& change = changes[i];
    Append(&text, text.empty() ? "" : "; ", change.what);
    if (change.backward && change.forward) continue;
    Append(&text, " (not ", change.backward ? "" : "backward",
           change.backward || change.forward ? "" : ", not ", change.forward ? "" : "forward", ": ",
           change.reason, ")");
  }
  return text;
}

Comparison Compare(const Contract& before, const Contract& after) {
  return Comparer(before, after).Run();
}

}  // namespace sluice::contract
