#pragma once
// A data contract (Open Data Contract Standard v3.1.0), compiled: what a record must look like, and
// which rules its values must keep. Immutable; shared between threads and batches of one contract.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/expression.h"
#include "contract/problem.h"

namespace sluice::contract {

/// How a value is stored (the record's column type in Arrow and PostgreSQL follows from it).
enum class LogicalType : uint8_t {
  kString,     ///< utf8; text
  kInteger,    ///< int64; smallint, integer or bigint by `format` (i8..i64, u8..u32; default i32)
  kNumber,     ///< float64; double precision
  kBoolean,    ///< bool; boolean
  kDate,       ///< date32, days since 1970-01-01; date
  kTimestamp,  ///< timestamp[us, UTC], microseconds since 1970-01-01T00:00:00Z; timestamptz
  kTime,       ///< time64[us], microseconds since midnight; time
  kJson,       ///< utf8, an object as JSON without white space; only the items of an array are
               ///< columns: list<utf8>, one jsonb
};

class TimeFormat;

/// A member of an object: what its value has to be.
struct Member {
  std::string name;                         ///< in the object
  LogicalType type = LogicalType::kString;  ///< of an array: of its items, and so below
  bool list = false;                        ///< an array
  bool required = false;                    ///< missing or null makes the record corrupt
  bool item_required = false;               ///< of an array: so does an item that is null
  int64_t integer_min = 0;  ///< kInteger: what `format` can hold; outside is corrupt
  int64_t integer_max = 0;
  std::shared_ptr<const TimeFormat> time_format;  ///< of dates, timestamps and times; null: ISO
                                                  ///< 8601, in UTC when a timestamp names no
                                                  ///< offset. Shared because columns are copied
  std::shared_ptr<const std::vector<Member>> members;  ///< kJson: of the object, none of them a
                                                       ///< column. Shared for the same reason
};

/// A member of the record, or of an object in it, that is a column. `name`: in the record; of a
/// member of an object its path: "address.city".
struct Column : Member {
  int object = -1;  ///< index into Contract::objects: whose member it is; -1: the record's
  std::string physical_name;  ///< in PostgreSQL; empty: `name`
  bool primary_key = false;
  std::string physical_type;  ///< PostgreSQL type from `physicalType`, empty: the default above
  std::string classification;
  std::string description;

  /// Its name in PostgreSQL.
  const std::string& TableName() const { return physical_name.empty() ? name : physical_name; }
};

/// An object in the record. It has no column of its own: its members are columns, or objects again.
struct Object {
  std::string name;       ///< its path: "address", "address.position"
  int parent = -1;        ///< index into Contract::objects, of an outer one; -1: the record
  bool required = false;  ///< missing or null makes the record corrupt where its parent is there;
                          ///< so it is with a column that is required
  int first_column = 0;   ///< the columns in it, at any depth: [first_column, end_column)
  int end_column = 0;
};

/// What a violated rule does to its record (`implementation.action`; default by `severity`:
/// info and warning give kWarn, everything else kQuarantine).
enum class Action : uint8_t {
  kWarn,        ///< a finding is recorded, the verdict stays
  kQuarantine,  ///< verdict `failed`
  kDrop,        ///< verdict `filtered`
  kFail,        ///< verdict `failed`, and the breaker trips
};

/// One check of one cell (or of a row, when `column` is empty). The record passes when `predicate`
/// is true or null, as in an SQL CHECK. Every construct that decides clean/failed is compiled into
/// this form: bounds, lengths, patterns, enumerations, nullValues/missingValues/invalidValues
/// `mustBe: 0`, custom row rules.
struct Rule {
  std::string id;      ///< unique in the contract, [A-Za-z0-9_-]+; from `id`, else <column>_<check>
  std::string column;  ///< the checked column; empty for a row rule
  int column_index = -1;
  Action action = Action::kQuarantine;
  std::string severity;   ///< "info", "warning" or "error"
  std::string dimension;  ///< ODCS: accuracy, completeness, conformity, consistency, coverage,
                          ///< timeliness, uniqueness
  std::string
      summary;  ///< what is wrong when it is violated: "fuel_level null", "speed_kmph > 250"
  Expression predicate;  ///< boolean; columns are referred to by index into Contract::columns
};

/// What a metric's value is compared with.
struct Threshold {
  enum class Operator : uint8_t {
    kEqual,
    kNotEqual,
    kGreater,
    kGreaterOrEqual,
    kLess,
    kLessOrEqual,
    kBetween,  ///< both bounds belong to it
    kNotBetween,
  };
  Operator op = Operator::kEqual;
  double low = 0;   ///< the bound; of the last two the lower one
  double high = 0;  ///< of the last two, the upper one

  bool Holds(double value) const;
  /// The way the contract writes it: "mustBeBetween: [1, 5]".
  std::string Text() const;
};

/// A library metric that measures many records together, and judges none: qc counts it over windows
/// of source offsets or of event time. A metric whose threshold is none is a Rule instead.
struct Metric {
  enum class Unit : uint8_t { kRows, kPercent };
  std::string id;      ///< unique in the contract, among the rules too
  std::string metric;  ///< "nullValues", "missingValues", "invalidValues", "duplicateValues" or
                       ///< "rowCount"
  std::string column;  ///< the measured column; empty: the table
  int column_index = -1;
  std::string severity;  ///< as of a Rule
  std::string dimension;
  /// A row is counted when it is false (not null). Without one, rowCount counts every row, and
  /// duplicateValues those of `compared`.
  std::optional<Expression> predicate;
  /// Of duplicateValues the columns whose values are compared, together: a row is counted when none
  /// of them is null and an earlier row of the window has the same values. Else empty.
  std::vector<int> compared;
  Unit unit = Unit::kRows;
  Threshold threshold;

  /// The value for `counted` of `rows` rows that have columns, of `read` rows in all. kPercent: of
  /// `rows`, for rowCount of `read`; of no rows it is 0.
  double Value(int64_t counted, int64_t rows, int64_t read) const;
  /// What is asked of it: "mustBeLessThan: 5 percent".
  std::string Asked() const;
};

/// How old the newest record of the table may be (`slaProperties`). It judges no record.
struct Freshness {
  absl::Duration objective;
  int column_index = -1;  ///< whose values say how old; -1: the pipeline's event time
};

/// What to do with a JSON member that the contract does not name (customProperty `unknownFields`).
enum class UnknownFields : uint8_t { kReject, kIgnore };

struct Contract {
  std::string id;
  std::string name;
  std::string version;       ///< semantic version, compared numerically by CompareVersions
  std::string content_hash;  ///< lower-case hex SHA-256 of `body`
  std::string body;          ///< the file's bytes
  std::string table;         ///< schema[0].name
  UnknownFields unknown_fields = UnknownFields::kReject;
  std::vector<Column> columns;
  std::vector<Object> objects;  ///< an outer one before those in it
  std::vector<Rule> rules;      ///< at most kMaxRules; the order is that of `_failed_rules`
  std::vector<Metric> metrics;  ///< at most kMaxRules too
  std::optional<Freshness> freshness;

  /// Index into `columns`, -1 when there is none.
  int FindColumn(std::string_view column_name) const;
  /// The names of columns by index, joined with commas.
  std::string NamesOf(const std::vector<int>& indices) const;
  /// The column in the same place of a record as `column` of another contract; -1: none is there.
  int FindCounterpart(const Column& column) const;
  /// Index into `objects` by path, -1 when there is none.
  int FindObject(std::string_view object_name) const;
  /// What a column or object with the path `name` is called in `object`, whose member it is.
  std::string_view MemberName(std::string_view name, int object) const;
  /// The member of `outer` (-1: of the record) that has column `column` in it; -1: the column is a
  /// member itself.
  int ObjectBetween(int outer, int column) const;
};

inline constexpr int kMaxRules = 1024;
inline constexpr int kMaxColumns = 512;
inline constexpr int kMaxObjectDepth = 8;    ///< objects in objects, those in arrays, too
inline constexpr int kMaxItemMembers = 512;  ///< of the items of one array, at any depth

/// Compile a contract. `file_name` is used in messages only. All problems are reported at once:
/// on error the status is kInvalidArgument and its message has one `file:line:column: error: what
/// [rule-id]` a line. Warnings go to `warnings` when it is not null. Any bytes are accepted as
/// input; never throws.
absl::StatusOr<std::shared_ptr<const Contract>> ParseContract(
    std::string_view body, std::string_view file_name, std::vector<Problem>* warnings = nullptr);

/// The same from a file. kNotFound when it cannot be read.
absl::StatusOr<std::shared_ptr<const Contract>> LoadContract(
    const std::string& path, std::vector<Problem>* warnings = nullptr);

/// The same with every problem of the file in `problems`, warnings too, in the order of the file.
/// Null when one of them is an error.
std::shared_ptr<const Contract> CompileContract(std::string_view body, std::string_view file_name,
                                                std::vector<Problem>* problems);

/// -1, 0 or 1: semantic versions by their numbers, then by text.
int CompareVersions(std::string_view a, std::string_view b);

}  // namespace sluice::contract
