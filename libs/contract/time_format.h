#pragma once
// How a record writes the dates, timestamps and times of a column, where the contract says so:
// `format`, `timezone` and `defaultTimezone` of its logicalTypeOptions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"

namespace sluice::contract {

/// Immutable once compiled; any thread.
class TimeFormat {
 public:
  /// What a timestamp says of its offset from UTC.
  enum class Offset : uint8_t { kOptional, kRequired, kNone };

  /// ISO 8601 as in contract/timestamp.h.
  explicit TimeFormat(LogicalType type) : type_(type) {}

  /// A pattern of JDK's DateTimeFormatter: yyyy or uuuu, MM, dd, HH, mm, ss, S to SSSSSSSSS, X to
  /// XXX, 'text', and characters that are no letters. Every part has as many digits as letters.
  /// Nothing, and `error` filled in, when it has anything else or does not make a value of `type`.
  static std::optional<TimeFormat> Compile(LogicalType type, std::string_view pattern,
                                           std::string* error);

  /// Whether values have an offset. Without a pattern, `offset` decides; with one, the pattern.
  bool has_pattern() const { return !fields_.empty(); }
  bool has_offset() const;
  void set_offset(Offset offset) { offset_ = offset; }
  /// Of values that name none: micros ahead of UTC.
  void set_default_offset(int64_t micros) { default_offset_ = micros; }

  /// Days, or microseconds, as Cell and Expression have them. False, and `value` unchanged, when
  /// `text` is not written so.
  bool Parse(std::string_view text, int64_t* value) const;
  /// The same for a bound in the contract: without a pattern, a date is its midnight, and an offset
  /// is optional.
  bool ParseBound(std::string_view text, int64_t* value) const;
  bool operator==(const TimeFormat&) const = default;

 private:
  enum class Part : uint8_t {
    kLiteral,
    kYear,
    kMonth,
    kDay,
    kHour,
    kMinute,
    kSecond,
    kFraction,
    kOffset,
  };
  struct Field {
    Part part;
    int width;     ///< letters
    char literal;  ///< kLiteral: one character
    bool operator==(const Field&) const = default;
  };
  static std::optional<Field> FieldOf(std::string_view letters);
  bool Has(Part part) const;
  /// What the pattern lacks, or has too much of; empty: nothing.
  std::string Mistake() const;
  bool ParseIso(std::string_view text, Offset offset, int64_t* value) const;
  bool ParsePattern(std::string_view text, int64_t* value) const;

  LogicalType type_;
  std::vector<Field> fields_;
  Offset offset_ = Offset::kOptional;
  int64_t default_offset_ = 0;
};

/// Microseconds ahead of UTC of `UTC`, `Etc/UTC`, `GMT`, `Z`, `+02:00`, `UTC+02:00`, `Etc/GMT-2`
/// (which is +02:00). Nothing for a zone that has a name: its offset changes with the time.
std::optional<int64_t> ParseFixedOffset(std::string_view zone);

}  // namespace sluice::contract
