#include "contract/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "contract/implication.h"

namespace sluice::contract {
namespace {

/// A contract with these columns and rules, in YAML's flow form.
std::shared_ptr<const Contract> Make(const std::string& properties, const std::string& rules = "",
                                     bool open = false) {
  std::string body = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: a\n";
  if (open) body += "customProperties: [{property: unknownFields, value: ignore}]\n";
  Append(&body, "schema:\n- name: t\n  properties: [", properties, "]\n  quality: [", rules, "]\n");
  auto contract = ParseContract(body, "x");
  EXPECT_TRUE(contract.ok()) << contract.status() << "\n" << body;
  return *contract;
}

std::string Rule(const std::string& condition, const std::string& action = "quarantine",
                 const std::string& id = "r") {
  return Concat("{id: ", id, ", type: custom, engine: sluice, implementation: {rule: \"", condition,
                "\", action: ", action, "}}");
}

/// Both directions: each pair of contracts is compared as it is and turned round.
void Expect(Compatibility expected, const Contract& before, const Contract& after,
            const std::string& what = "") {
  const Comparison there = Compare(before, after), back = Compare(after, before);
  EXPECT_EQ(there.name(), kCompatibilityNames[static_cast<size_t>(expected)]) << what;
  const Compatibility turned = expected == Compatibility::kBackward  ? Compatibility::kForward
                               : expected == Compatibility::kForward ? Compatibility::kBackward
                                                                     : expected;
  EXPECT_EQ(back.name(), kCompatibilityNames[static_cast<size_t>(turned)]) << "back: " << what;
  for (const Change& change : there.changes) {
    EXPECT_EQ(change.reason.empty(), change.backward && change.forward) << change.what;
  }
}

constexpr auto kNone = Compatibility::kNone;
constexpr auto kBackward = Compatibility::kBackward;
constexpr auto kForward = Compatibility::kForward;
constexpr auto kFull = Compatibility::kFull;

TEST(CompatibilityTest, Objects) {
  const std::string id = "{name: id, logicalType: string}";
  const auto with = [&](const std::string& members, const std::string& more = "",
                        bool open = false) {
    return Make(
        Concat(id, ", {name: o, logicalType: object, properties: [", members, "]", more, "}"), "",
        open);
  };
  const std::string a = "{name: a, logicalType: string}";
  const std::string needed = "{name: a, logicalType: string, required: true}";
  const auto without = Make(id), without_open = Make(id, "", true);
  Expect(kFull, *with(a), *with(a));
  Expect(kBackward, *without, *with(a));
  // Where the object is not there, nobody misses what is in it.
  Expect(kBackward, *without, *with(needed));
  Expect(kNone, *without, *with(a, ", required: true"));
  Expect(kForward, *without_open, *with(a, "", true));
  Expect(kForward, *with(a), *with(needed));
  Expect(kForward, *with(a), *with(a, ", required: true"));
  Expect(kForward, *with(a), *with(a, ", logicalTypeOptions: {required: [a]}"));
  const std::string b = a + ", {name: b, logicalType: integer}";
  Expect(kBackward, *with(a), *with(b));
  Expect(kNone, *with(b), *with(a + ", {name: b, logicalType: string}"));
  // The same name, another member.
  const auto scalar = Make(id + ", {name: o, logicalType: string}");
  Expect(kNone, *scalar, *with(a));
  Expect(kNone, *Make(id + ", {name: o, logicalType: string}", "", true), *with(a, "", true));
  Expect(kNone, *with(a), *with("{name: a, logicalType: object, properties: [" + b + "]}"));
  const auto dotted = Make(id + ", {name: o.a, logicalType: string}");
  Expect(kNone, *dotted, *with(a));
  // Inner objects.
  const std::string inner = ", {name: p, logicalType: object, properties: [" + needed + "]}";
  Expect(kBackward, *with(a), *with(a + inner));
  Expect(kBackward, *without, *with(a + inner));
  EXPECT_EQ(Compare(*without, *with(a + inner)).changes.size(), 1u);
  // In PostgreSQL only.
  Expect(kFull, *with(a), *with("{name: a, logicalType: string, physicalName: b}"));
}

TEST(CompatibilityTest, RulesOfItems) {
  const auto with = [](std::string_view type, std::string_view options) {
    return Make(Concat("{name: a, logicalType: array, items: {logicalType: ", type,
                       ", logicalTypeOptions: {", options, "}}}"));
  };
  Expect(kBackward, *with("integer", "maximum: 5"), *with("integer", ""));
  Expect(kBackward, *with("integer", "maximum: 5"), *with("integer", "maximum: 9"));
  Expect(kBackward, *with("string", "minLength: 5, pattern: x"), *with("string", "pattern: x"));
  Expect(kNone, *with("integer", "maximum: 5"), *with("integer", "minimum: 5"));
  Expect(kFull, *with("number", "minimum: 5"), *with("number", "minimum: 5"));
}

TEST(CompatibilityTest, ArraysOfObjects) {
  const auto with = [&](const std::string& members, const std::string& more = "",
                        bool open = false) {
    return Make(Concat("{name: l, logicalType: array, items: {logicalType: object, properties: [",
                       members, "]", more, "}}"),
                "", open);
  };
  const std::string a = "{name: a, logicalType: integer}";
  Expect(kFull, *with(a), *with(a));
  Expect(kFull, *with(a), *with("{name: a, logicalType: integer, description: x}"));
  Expect(kForward, *with(a), *with(a, ", required: true"));
  Expect(kForward, *with(a), *with("{name: a, logicalType: integer, required: true}"));
  Expect(kForward, *with(a), *with(a, ", logicalTypeOptions: {required: [a]}"));
  Expect(kBackward, *with(a), *with("{name: a, logicalType: number}"));
  Expect(kForward, *with(a),
         *with("{name: a, logicalType: integer, logicalTypeOptions: {format: u8}}"));
  Expect(kNone, *with(a), *with("{name: a, logicalType: string}"));
  Expect(kNone, *with(a), *with("{name: b, logicalType: integer}"));
  const std::string b = a + ", {name: b, logicalType: string";
  Expect(kBackward, *with(a), *with(b + "}"));
  Expect(kNone, *with(a), *with(b + ", required: true}"));
  Expect(kForward, *with(a, "", true), *with(b + "}", "", true));
  Expect(kFull, *with(a + ", {name: b, logicalType: string}"),
         *with("{name: b, logicalType: string}, " + a));
  // What is in them, at any depth.
  const auto inner = [&](const std::string& members) {
    return with(
        Concat("{name: o, logicalType: object, properties: [{name: l, logicalType: array, "
               "items: {logicalType: object, properties: [",
               members, "]}}]}"));
  };
  Expect(kFull, *inner(a), *inner(a));
  Expect(kBackward, *inner(a), *inner(b + "}"));
  EXPECT_EQ(Compare(*inner(a), *inner(b + "}")).changes[0].what,
            "member l.o.l.b: added, optional string");
  Expect(kForward, *inner(a), *inner("{name: a, logicalType: integer, required: true}"));
  const auto dates = [&](const char* format) {
    return with(Concat("{name: d, logicalType: array, items: {logicalType: date, ",
                       "logicalTypeOptions: {format: ", format, "}}}"));
  };
  Expect(kFull, *dates("yyyy-MM-dd"), *dates("yyyy-MM-dd"));
  Expect(kNone, *dates("yyyy-MM-dd"), *dates("dd.MM.yyyy"));
  // The same name, another kind of member.
  const auto column = [](const std::string& type) {
    return Make(Concat("{name: l, logicalType: ", type, "}"));
  };
  Expect(kNone, *with(a), *column("array, items: {logicalType: string}"));
  Expect(kNone, *with(a), *column("string"));
  Expect(kNone, *with(a), *column(Concat("object, properties: [", a, "]")));
  const auto member = [&](const std::string& type) {
    return with(Concat("{name: m, logicalType: ", type, "}"));
  };
  const std::string object = Concat("object, properties: [", a, "]");
  const std::string objects = Concat("array, items: {logicalType: object, properties: [", a, "]}");
  for (const char* other : {"integer", "string", "array, items: {logicalType: string}"}) {
    Expect(kNone, *member(object), *member(other), other);
    Expect(kNone, *member(objects), *member(other), other);
  }
  Expect(kNone, *member(object), *member(objects));
}

TEST(CompatibilityTest, WhatIsRequiredInAnObjectMayBeNull) {
  const auto make = [&](const std::string& object, const std::string& rule) {
    return Make(Concat("{name: o, logicalType: object, ", object,
                       "properties: [{name: a, logicalType: string, required: true}]}"),
                rule);
  };
  const std::string rule = Rule("o.a is not null");
  Expect(kForward, *make("", ""), *make("", rule));
  Expect(kFull, *make("required: true, ", ""), *make("required: true, ", rule));
}

TEST(CompatibilityTest, Columns) {
  const std::string id = "{name: id, logicalType: string}";
  const auto with = [&](const std::string& column, bool open = false) {
    return Make(Concat(id, ", {name: c, ", column, "}"), "", open);
  };
  const auto without = Make(id), without_open = Make(id, "", true);
  Expect(kFull, *without, *without);
  Expect(kBackward, *without, *with("logicalType: string"));
  Expect(kNone, *without, *with("logicalType: string, required: true"));
  // Where unknown fields are ignored, there may be anything under the new name.
  Expect(kForward, *without_open, *with("logicalType: string", true));
  Expect(kForward, *without_open, *with("logicalType: string, required: true", true));
  Expect(kBackward, *without, *without_open);
  Expect(kForward, *with("logicalType: string"), *with("logicalType: string, required: true"));

  Expect(kBackward, *with("logicalType: integer"), *with("logicalType: number"));
  Expect(kBackward, *with("logicalType: date"), *with("logicalType: string"));
  Expect(kBackward, *with("logicalType: timestamp"), *with("logicalType: string"));
  Expect(kNone, *with("logicalType: date"), *with("logicalType: timestamp"));
  Expect(kNone, *with("logicalType: integer"), *with("logicalType: string"));
  Expect(kNone, *with("logicalType: boolean"), *with("logicalType: number"));
  const auto integer = [&](const char* format) {
    return with(Concat("logicalType: integer, logicalTypeOptions: {format: ", format, "}"));
  };
  Expect(kBackward, *integer("i32"), *integer("i64"));
  Expect(kBackward, *integer("u8"), *integer("i16"));
  Expect(kNone, *integer("u8"), *integer("i8"));
  Expect(kFull, *with("logicalType: string"),
         *with("logicalType: string, primaryKey: true, physicalType: text, description: c"));
}

TEST(CompatibilityTest, Bounds) {
  const auto with = [](const char* type, const std::string& options) {
    return Make(Concat("{name: c, logicalType: ", type, ", logicalTypeOptions: {", options, "}}"));
  };
  Expect(kBackward, *with("number", "maximum: 5"), *with("number", "maximum: 6"));
  Expect(kBackward, *with("number", "minimum: -5"), *with("number", "minimum: -5.5"));
  Expect(kBackward, *with("number", "exclusiveMinimum: 1"), *with("number", "minimum: 1"));
  Expect(kBackward, *with("number", "minimum: 1"), *with("number", ""));
  Expect(kNone, *with("number", "minimum: 1"), *with("number", "maximum: 5"));
  Expect(kNone, *with("number", "minimum: 1, maximum: 5"),
         *with("number", "minimum: 2, maximum: 6"));
  Expect(kBackward, *with("string", "maxLength: 5"), *with("string", "maxLength: 6"));
  Expect(kNone, *with("string", "pattern: '^a'"), *with("string", "pattern: '^ab'"));
  Expect(kBackward, *with("date", "minimum: 2024-01-02"), *with("date", "minimum: 2024-01-01"));
  // A wider type keeps its bounds.
  Expect(kBackward, *with("integer", "minimum: 0"), *with("number", "minimum: 0"));
  Expect(kBackward, *with("integer", "minimum: 1"), *with("number", "minimum: 0"));
  Expect(kNone, *with("integer", "multipleOf: 5"), *with("number", "multipleOf: 5"));
  // 2^53 + 1 as a number is 2^53.
  Expect(kNone, *with("integer", "format: i64, exclusiveMinimum: 9007199254740992"),
         *with("number", "exclusiveMinimum: 9007199254740992"));
}

TEST(CompatibilityTest, BoundsOfAColumnThatIsNew) {
  const std::string id = "{name: id, logicalType: string}";
  const std::string bounded = ", {name: c, logicalType: number, logicalTypeOptions: {minimum: 0}}";
  const std::string never_null =
      ", {name: c, logicalType: number, quality: [{metric: nullValues, mustBe: 0}]}";
  Expect(kBackward, *Make(id), *Make(id + bounded));
  Expect(kForward, *Make(id, "", true), *Make(id + bounded, "", true));
  Expect(kNone, *Make(id), *Make(id + never_null));
}

TEST(CompatibilityTest, Rules) {
  const std::string columns =
      "{name: a, logicalType: number}, {name: b, logicalType: number}, {name: c, logicalType: "
      "string}, {name: n, logicalType: number, required: true}";
  const auto with = [&](const std::string& rules) { return Make(columns, rules); };
  Expect(kBackward, *with(Rule("a < b")), *with(""));
  Expect(kBackward, *with(Rule("a < b")), *with(Rule("a < b", "warn")));
  Expect(kFull, *with(Rule("a < b", "warn")), *with(""));
  Expect(kFull, *with(Rule("a < b")), *with(Rule("a < b", "drop")));
  Expect(kFull, *with(Rule("a < b", "fail")), *with(Rule("a <   b", "fail")));
  Expect(kFull, *with(Rule("a < b")), *with(Rule("a < b", "quarantine", "renamed")));
  Expect(kNone, *with(Rule("a < b")), *with(Rule("a <= b")));  // too careful, by design
  Expect(kFull, *with(Rule("a < 1 and b < 2")),
         *with(Concat(Rule("a < 1"), ", ", Rule("b < 2", "quarantine", "s"))));
  Expect(kBackward, *with(Rule("a < 1 and b < 2")), *with(Rule("a < 3")));
  Expect(kBackward, *with(Rule("c in ('x')")), *with(Rule("c in ('y', 'x')")));
  Expect(kBackward, *with(Rule("not c in ('x', 'y')")), *with(Rule("not c in ('y')")));
  Expect(kNone, *with(Rule("c in ('x', 'z')")), *with(Rule("c in ('y', 'x')")));
  Expect(kFull, *with(""), *with(Rule("n is not null")));
  // One bound counts days, the other microseconds.
  const auto on = [&](const std::string& rule) {
    return Make("{name: d, logicalType: date}", Rule(rule));
  };
  Expect(kNone, *on("d >= '2024-01-01T00:00:00Z'"), *on("d >= '2050-01-01'"));
  Expect(kForward, *on("d >= '2024-01-01'"), *on("d >= '2050-01-01'"));
  Expect(kForward, *with(""), *with(Rule("a is not null")));
}

TEST(CompatibilityTest, ARuleOverAColumnThatChanges) {
  const auto with = [](const char* type) {
    return Make(Concat("{name: a, logicalType: ", type, "}, {name: b, logicalType: number}"),
                Rule("a + b > 3"));
  };
  const Comparison comparison = Compare(*with("integer"), *with("number"));
  ASSERT_EQ(comparison.changes.size(), 2u);
  EXPECT_EQ(comparison.changes[1].what, "rule r: reads a column that has changed");
  EXPECT_EQ(comparison.name(), "none");
}

TEST(CompatibilityTest, FreshnessChangesNoRecord) {
  const auto before = Make("{name: a, logicalType: string}");
  Contract after = *before;
  after.freshness = Freshness{absl::Minutes(90)};
  const Comparison comparison = Compare(*before, after);
  ASSERT_EQ(comparison.changes.size(), 1u);
  EXPECT_EQ(comparison.changes[0].what, "freshness: none -> 1h30m");
  EXPECT_EQ(comparison.name(), "full");
}

TEST(CompatibilityTest, ALineForTheLog) {
  const auto before = Make("{name: a, logicalType: string}, {name: b, logicalType: date}");
  const auto after = Make("{name: a, logicalType: string, required: true, primaryKey: true}");
  EXPECT_EQ(
      Compare(*before, *after).ToString(),
      "column a: required (not backward: old records may not have it); column a: primary key; "
      "column b: removed (not backward: old records may have it, and unknown fields are "
      "rejected)");
}

TEST(CompatibilityTest, SaysWhatChangesAndWhy) {
  const auto before = Make(
      "{name: a, logicalType: integer, logicalTypeOptions: {maximum: 5}}, {name: b, logicalType: "
      "string}");
  const auto after = Make("{name: a, logicalType: number, logicalTypeOptions: {maximum: 4}}",
                          Rule("a != 3", "warn"), /*open=*/true);
  std::vector<std::string> lines;
  for (const Change& c : Compare(*before, *after).changes) {
    lines.push_back(
        Concat(c.what, " | ", c.backward ? "b" : "", c.forward ? "f" : "", " | ", c.reason));
  }
  EXPECT_THAT(lines,
              testing::ElementsAre(
                  "column a: integer -> number | b | not every number is also a valid integer",
                  "column b: removed | b | new records may have it with any value, as unknown "
                  "fields are ignored",
                  "rule a_maximum: a <= 5 -> a <= 4 | f | records that were clean may break it",
                  "rule r: added, warn unless a != 3 | bf | ",
                  "unknownFields: reject -> ignore | b | new records may have fields that the old "
                  "contract rejects"));
}

}  // namespace
}  // namespace sluice::contract
