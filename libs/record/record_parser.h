#pragma once
// Turns source records (JSON objects) into the rows of a batch, by the contract. The only code that
// judges raw bytes: every record gets exactly one row and a verdict, whatever its bytes are;
// nothing here fails, throws or takes more than linear time.
//
// A record is `valid` when its value is one JSON object (RFC 8259, strict) whose members are the
// contract's columns and objects, and the members of these objects theirs:
//
//   string     A JSON string without U+0000.
//   integer    A number written without fraction and exponent (5.0 and 5e0 are wrong_type), within
//              the column's range.
//   number     Any number that a double can hold, rounded to the nearest as in PostgreSQL, so an
//              integer beyond 2^53 may lose its last digits. Beyond the largest double, or nearer
//              to zero than the smallest without being zero: number_out_of_range. Minus zero
//              stays negative.
//   boolean    true or false.
//   date       A string `YYYY-MM-DD`, years 0001 to 9999.
//   time       A string as in contract/timestamp.h: `14:22`, `14:22:35` or with a fraction.
//   timestamp  A string as in contract/timestamp.h: ISO 8601 with seconds, in UTC when it names no
//              zone. Digits of the fraction beyond the sixth are cut off, more than nine are
//              refused. Years 0001 to 9999 in UTC.
//
// Dates, times and timestamps are read in another form where the column has a
// contract::TimeFormat.
//
//   array      An array of values of one of these types. An item that is null is one, unless items
//              are required: then it counts as missing_field.
//   object     An object. All columns of one that is missing or null are null, and none of them is
//              missed.
//
// The items of an array may be objects, too: then their members, and those of objects and arrays in
// them, are read as strictly, each item is kept as JSON as it is written, without white space and
// without the members that the contract does not know.
//
// A member that is null counts as missing. Two members of one object with the same name, however
// they are escaped and whether or not the contract knows them, are duplicate_key; nobody looks into
// a member that the contract does not know.
//
// Of several reasons the first of this list is taken:
//
//   1. Of the record: oversize_key, invalid_record_timestamp. Then a null value is a `tombstone`.
//   2. Of the bytes: empty_value, oversize, byte_order_mark, invalid_utf8.
//   3. Of the syntax, the first fault from left to right: invalid_json, too_deep, or invalid_utf8
//      for an escape that is half of a surrogate pair.
//   4. Of the content: not_an_object, duplicate_key, missing_field, unknown_field, wrong_type,
//      number_out_of_range, invalid_timestamp, invalid_date, nul_character, invalid_time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "batch/verdict.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "record/batch_builder.h"
#include "record/json_scanner.h"

namespace sluice::record {

/// The largest Kafka timestamp that the sinks can store: the end of the year 9999, in milliseconds.
inline constexpr int64_t kMaxTimestampMs = 253'402'300'799'999;

/// Bytes, except `max_depth`: how deep arrays and objects that are not empty may be nested, the
/// record itself included.
struct Limits {
  int64_t max_record_bytes = int64_t{1} << 20;  ///< longer values are not parsed; at most 256 MiB
  int64_t max_raw_bytes = int64_t{64} << 10;    ///< of a value that is kept in `_raw`
  int64_t max_key_bytes = 2048;  ///< longer keys make the record corrupt and are cut,
                                 ///< not inside a character
  int max_depth = 64;
};

/// Those of the pipeline file.
Limits LimitsOf(const contract::PipelineConfig& pipeline);

/// What became of a record, and why.
struct Judgement {
  batch::Verdict verdict = batch::Verdict::kValid;
  std::optional<batch::Reason> reason;
  int column = -1;  ///< the contract's column that `reason` is about, when it is about one
  int object = -1;  ///< else the contract's object that it is about, or in which it happened
  /// Of a column that is an array of objects: the member that it is about, or in which it happened,
  /// among those of the items of all columns, in the order of the contract; -1: the item itself.
  int member = -1;
  bool operator==(const Judgement&) const = default;
};

/// The path of the column, object or member of an item that a judgement is about, empty when it is
/// about none.
std::string Subject(const contract::Contract& contract, const Judgement& judgement);

/// One per contract and thread: it keeps the memory of the last record. Memory is bounded by about
/// 32 times `max_record_bytes`, twice that with arrays, and is given back after a long record.
///
/// The files: record_parser.cc reads the record and values, record_items.cc arrays of objects.
class RecordParser {
 public:
  explicit RecordParser(std::shared_ptr<const contract::Contract> contract,
                        const Limits& limits = {});
  ~RecordParser();
  RecordParser(const RecordParser&) = delete;
  RecordParser& operator=(const RecordParser&) = delete;

  const contract::Contract& contract() const { return *contract_; }

  /// Append one row for a Kafka record to `builder`, which must be of the same contract. No key or
  /// no value: nullopt. `timestamp_ms`: -1 when the record has none. The arguments are borrowed for
  /// the call.
  Judgement Parse(std::optional<std::string_view> key, std::optional<std::string_view> value,
                  int64_t timestamp_ms, int64_t offset, BatchBuilder* builder);

  /// Why `value` is not a JSON text (steps 2 and 3 above), nothing when it is one. For tests and
  /// tools.
  std::optional<batch::Reason> CheckJson(std::string_view value);

 private:
  struct Simdjson;  // these keep simdjson out of the headers
  struct Element;
  /// What reading needs of a column or an object, close together.
  struct MemberSpec {
    std::string_view name;       // in the object whose member it is
    contract::LogicalType type;  // of an array: of its items
    bool list;
    bool required;
    bool item_required;
    int object;  // whose member it is, -1: the record's
    int64_t integer_min;
    int64_t integer_max;
    const contract::TimeFormat* time_format;  // null: ISO 8601
  };
  /// The record, an object in it or an array: how its members are found, and what of it is being
  /// read.
  struct Level {
    Level* outer = nullptr;
    int object = -1;  // the contract's
    absl::flat_hash_map<std::string_view, int> member_of;
    std::vector<int>
        expected;  // by position: the member that was there in an earlier record, or -1

    uint64_t given_in = 0;      // number of the last record in which it was not null ...
    uint64_t present_in = 0;    // ... and an object
    size_t position = 0;        // of the member of `outer` that it is
    size_t token = 0;           // simdjson's token at which the value of member number
    size_t token_member = 0;    // `token_member` begins; 0: not looked for yet
    size_t tokens_between = 3;  // from the bracket to the first value, and from each to the next
    std::vector<std::string_view> few_unknown;
    absl::flat_hash_set<std::string_view> many_unknown;
    std::vector<int> required;  // of an object in an item: the members that it must have
  };

  Judgement Judge(std::optional<std::string_view> key, std::optional<std::string_view> value,
                  int64_t timestamp_ms);
  std::optional<batch::Reason> Read(std::string_view value);
  std::optional<batch::Reason> ReadAgain(std::string_view value);
  void Reserve(size_t bytes);
  void AddMembers();
  void AddItemMembers(const contract::Member& owner, int member);
  static MemberSpec SpecOf(std::string_view name, const contract::Member& member, int object);
  Judgement ReadRecord();
  void ReadMembers(const Element& object, Level* level);
  void ReadInner(const Element& value, int object, size_t position);
  void BlameMissing();
  bool IsPresent(int object) const;
  int FindMember(std::string_view name, size_t position, Level* level);
  bool IsRepeatedUnknown(std::string_view name, Level* level);
  std::optional<batch::Reason> Store(const Element& element, size_t position,
                                     const MemberSpec& column, Cell* cell);
  std::optional<batch::Reason> StoreItems(const Element& element, size_t position, int column);
  void StoreObjects(const Element& array, size_t position, int column);
  // These append what they read to `texts_`, and return simdjson's token behind it.
  size_t ReadItemObject(const Element& object, int owner, size_t token);
  size_t ReadItemMember(const Element& value, int member, size_t token);
  size_t ReadItemArray(const Element& value, int member, size_t token);
  size_t ReadItemScalar(const Element& value, int member, size_t token);
  void AppendToken(size_t token);
  void BlameItem(batch::Reason reason, int member);
  std::optional<batch::Reason> StoreInteger(const Element& element, size_t position,
                                            const MemberSpec& column, Cell* cell);
  std::optional<batch::Reason> StoreNumber(const Element& element, size_t position, Cell* cell);
  std::optional<batch::Reason> StoreText(std::string_view text, const MemberSpec& column,
                                         Cell* cell);
  std::string_view NumberText(size_t position) const;
  size_t TokenOf(Level* level, size_t position) const;
  size_t TokenBehind(size_t token) const;
  const WideNumber* FindWide(size_t position) const;
  void Blame(batch::Reason reason, int column, int object = -1);
  void AppendCorrupt(const RecordHead& head, const Judgement& judgement,
                     std::optional<std::string_view> value, BatchBuilder* builder);

  std::shared_ptr<const contract::Contract> contract_;
  Limits limits_;
  std::unique_ptr<Simdjson> json_;
  JsonScanner scanner_;

  int columns_;                      // of the contract
  std::vector<MemberSpec> members_;  // columns, then objects, then members of items
  std::vector<Level> levels_;        // the record, then the contract's objects, then those in items
  std::vector<int> item_levels_;     // by member: the level of the object that it, or an item, is

  // The record at hand.
  std::string_view text_;      // in the padded buffer
  std::string_view source_;    // if wide_numbers_: the same, with them
  bool wide_numbers_ = false;  // scanner_.wide() is about this record
  std::vector<Cell> cells_;
  std::vector<std::vector<Cell>> items_;  // of arrays, by column; cells_ point into them
  Level array_;                           // the one that is being read
  std::string texts_;                     // items that are objects; items_ point into it
  uint64_t texts_of_ = 0;                 // number of the record they are of
  uint64_t item_object_ = 0;              // number of the last object that was read in an item
  int item_column_ = -1;                  // the array of objects that is being read
  std::vector<uint64_t> seen_;            // by member: number of the last record that had it, or
                                          // of the last object in an item
  uint64_t record_ = 0;
  Level* reading_ = nullptr;  // whose member is being read
  Judgement judgement_;
};

}  // namespace sluice::record
