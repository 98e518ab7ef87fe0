#pragma once
// The verdicts and the reasons a record can get: one table each, from which metrics, tables, help
// and tests follow.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::batch {

/// What became of a source record. The numbers are on the wire (`_verdict`) and in the ledger:
/// never reuse one.
enum class Verdict : uint8_t {
  kValid = 0,  ///< after the validator: has columns, not yet judged
  kClean = 1,
  kFailed = 2,   ///< breaks a rule whose action is `quarantine` or `fail`
  kCorrupt = 3,  ///< could not become columns; `_reason` says why, `_raw` keeps the bytes
  kDuplicate = 4,
  kLate = 5,
  kFiltered = 6,   ///< breaks a rule whose action is `drop`
  kTombstone = 7,  ///< a null value
  kLost = 8,       ///< never read: an operator accepted the loss of these offsets
};
inline constexpr int kVerdictCount = 9;
inline constexpr std::array<std::string_view, kVerdictCount> kVerdictNames = {
    "valid", "clean", "failed", "corrupt", "duplicate", "late", "filtered", "tombstone", "lost"};

constexpr std::string_view Name(Verdict verdict) {
  return kVerdictNames[static_cast<size_t>(verdict)];
}
std::optional<Verdict> ParseVerdict(std::string_view name);

/// Why a record is corrupt: the index is the dictionary index of `_reason`. Append only.
enum class Reason : uint8_t {
  kInvalidJson = 0,
  kInvalidUtf8,
  kByteOrderMark,
  kNotAnObject,
  kDuplicateKey,
  kMissingField,
  kUnknownField,
  kWrongType,
  kNumberOutOfRange,  ///< no double or integer of the column's width can hold it
  kInvalidTimestamp,
  kInvalidDate,
  kNulCharacter,  ///< U+0000 in a string: PostgreSQL cannot store it
  kEmptyValue,
  kOversize,
  kOversizeKey,
  kTooDeep,
  kInvalidRecordTimestamp,  ///< the Kafka timestamp is negative or beyond what the sinks can store
  kInvalidTime,
};
inline constexpr std::array<std::string_view, 18> kReasonNames = {"invalid_json",
                                                                  "invalid_utf8",
                                                                  "byte_order_mark",
                                                                  "not_an_object",
                                                                  "duplicate_key",
                                                                  "missing_field",
                                                                  "unknown_field",
                                                                  "wrong_type",
                                                                  "number_out_of_range",
                                                                  "invalid_timestamp",
                                                                  "invalid_date",
                                                                  "nul_character",
                                                                  "empty_value",
                                                                  "oversize",
                                                                  "oversize_key",
                                                                  "too_deep",
                                                                  "invalid_record_timestamp",
                                                                  "invalid_time"};
inline constexpr int kReasonCount = static_cast<int>(kReasonNames.size());

constexpr std::string_view Name(Reason reason) { return kReasonNames[static_cast<size_t>(reason)]; }

}  // namespace sluice::batch
