// Any bytes as a Kafka record: one row and one verdict, whatever they are, and the same every time.
// The first byte of an input chooses what the record is held against.

#include <nlohmann/json.hpp>

#include "arrow/api.h"
#include "base/strings.h"
#include "batch/schema.h"
#include "batch/wire.h"
#include "record/case_file.h"
#include "record/json_scanner.h"
#include "record/record_parser.h"
#include "seeds.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using batch::Reason;
using batch::Verdict;
using record::Judgement;
using record::Limits;

struct Head {
  bool ignore_unknown;
  bool small_limits;
  bool telemetry;
  bool nested;
  bool arrays;
  bool objects;  // in arrays
  bool has_key;  // then the value's own bytes are the key
  bool odd_timestamp;

  explicit Head(uint8_t byte)
      : ignore_unknown((byte & 1) != 0),
        small_limits((byte & 2) != 0),
        telemetry((byte & 4) != 0),
        nested((byte & 32) != 0),
        arrays((byte & 64) != 0),
        objects((byte & 128) != 0),
        has_key((byte & 8) != 0),
        odd_timestamp((byte & 16) != 0) {}

  Limits limits() const {
    return small_limits ? Limits{256, 64, 16, 4} : Limits{1 << 20, 16 << 10, 4096, 32};
  }
  int64_t timestamp_ms() const { return odd_timestamp ? record::kMaxTimestampMs + 1 : 1; }
};

std::shared_ptr<const contract::Contract> ContractOf(const Head& head) {
  static const auto* const contracts = new std::array{
      Contract(kHostileContract), Contract(kTelemetryContract), Contract(kNestedContract),
      Contract(kArraysContract), Contract(kArraysOfObjectsContract)};
  static const auto* const ignoring = [] {
    auto* all = new std::array<std::shared_ptr<const contract::Contract>, 5>;
    for (size_t i = 0; i < all->size(); ++i) {
      auto copy = std::make_shared<contract::Contract>(*(*contracts)[i]);
      copy->unknown_fields = contract::UnknownFields::kIgnore;
      (*all)[i] = copy;
    }
    return all;
  }();
  const size_t which = head.objects     ? 4
                       : head.arrays    ? 3
                       : head.nested    ? 2
                       : head.telemetry ? 1
                                        : 0;
  return (head.ignore_unknown ? *ignoring : *contracts)[which];
}

struct Parsed {
  Judgement judgement;
  std::shared_ptr<arrow::RecordBatch> rows;
};

Parsed Parse(record::RecordParser* parser, const Head& head, std::string_view value) {
  record::BatchBuilder builder(std::shared_ptr<const contract::Contract>(ContractOf(head)));
  Parsed parsed;
  parsed.judgement = parser->Parse(head.has_key ? std::optional(value) : std::nullopt, value,
                                   head.timestamp_ms(), 7, &builder);
  FUZZ_PROMISE(builder.rows() == 1);
  FUZZ_PROMISE(builder.counts()[static_cast<size_t>(parsed.judgement.verdict)] == 1);
  parsed.rows = builder.Finish();
  FUZZ_PROMISE(builder.empty());
  return parsed;
}

/// What any reader of the row may rely on.
void CheckRow(const Parsed& parsed, const Head& head, std::string_view value) {
  const Judgement& judgement = parsed.judgement;
  const bool corrupt = judgement.verdict == Verdict::kCorrupt;
  FUZZ_PROMISE(corrupt || judgement.verdict == Verdict::kValid);
  FUZZ_PROMISE(judgement.reason.has_value() == corrupt);
  const auto columns = static_cast<int>(ContractOf(head)->columns.size());
  FUZZ_PROMISE(judgement.column >= -1 && judgement.column < columns);
  const auto objects = static_cast<int>(ContractOf(head)->objects.size());
  FUZZ_PROMISE(judgement.object >= -1 && judgement.object < objects);
  FUZZ_PROMISE(judgement.member == -1 || judgement.column >= 0);
  const std::string subject = record::Subject(*ContractOf(head), judgement);
  FUZZ_PROMISE(subject.empty() == (judgement.column < 0 && judgement.object < 0), subject);
  FUZZ_PROMISE((judgement.member >= 0) == (subject.find('.') != std::string::npos) ||
                   !head.objects || judgement.column != 0,
               subject);
  const arrow::Status valid = parsed.rows->ValidateFull();
  FUZZ_PROMISE(valid.ok(), valid.ToString());
  const auto& raw = static_cast<const arrow::BinaryArray&>(*parsed.rows->column(batch::kRaw));
  const auto& length =
      static_cast<const arrow::Int32Array&>(*parsed.rows->column(batch::kRawLength));
  FUZZ_PROMISE(raw.IsValid(0) == corrupt);
  if (!corrupt) return;
  FUZZ_PROMISE(raw.GetView(0) == value.substr(0, static_cast<size_t>(head.limits().max_raw_bytes)));
  FUZZ_PROMISE(length.Value(0) == static_cast<int32_t>(value.size()));
  for (int i = batch::kSystemColumns; i < parsed.rows->num_columns(); ++i)
    FUZZ_PROMISE(parsed.rows->column(i)->IsNull(0));
}

/// The objects of the array `lines` are those of the record, without white space.
void CheckObjects(const Parsed& parsed, const Head& head, std::string_view value) {
  if (!head.objects || parsed.judgement.verdict != Verdict::kValid) return;
  using nlohmann::json;
  const json record = json::parse(value, nullptr, /*allow_exceptions=*/false);
  const auto& lists =
      static_cast<const arrow::ListArray&>(*parsed.rows->column(batch::kSystemColumns));
  if (record.is_discarded()) return;  // a number beyond every double
  FUZZ_PROMISE(lists.IsNull(0) == (!record.contains("lines") || record["lines"].is_null()));
  if (lists.IsNull(0)) return;
  const auto& items = static_cast<const arrow::StringArray&>(*lists.values());
  const json& objects = record["lines"];
  FUZZ_PROMISE(static_cast<size_t>(items.length()) == objects.size());
  for (int64_t i = 0; i < items.length(); ++i) {
    const json& object = objects[static_cast<size_t>(i)];
    FUZZ_PROMISE(items.IsNull(i) == object.is_null());
    if (items.IsNull(i)) continue;
    const json kept = json::parse(items.GetView(i), nullptr, /*allow_exceptions=*/false);
    FUZZ_PROMISE(kept.is_object(), items.GetView(i));
    if (!head.ignore_unknown) FUZZ_PROMISE(kept == object, items.GetView(i));
    for (const auto& [name, member] : kept.items()) {
      if (!member.is_structured()) FUZZ_PROMISE(object[name] == member, items.GetView(i));
    }
  }
}

/// The row survives the wire.
void CheckWire(const Parsed& parsed, const Head& head) {
  const auto contract = ContractOf(head);
  batch::Encoder encoder(contract);
  batch::Decoder decoder(contract);
  batch::Coverage coverage;
  coverage.topic = "t";
  coverage.range = {7, 8};
  coverage.counts[static_cast<size_t>(parsed.judgement.verdict)] = 1;
  const auto bytes = encoder.Encode(*parsed.rows);
  FUZZ_PROMISE(bytes.ok(), StdView(bytes.status().message()));
  const std::string_view view(reinterpret_cast<const char*>((*bytes)->data()),
                              static_cast<size_t>((*bytes)->size()));
  const auto rows = decoder.Decode(view, *bytes, coverage);
  FUZZ_PROMISE(rows.ok(), StdView(rows.status().message()));
  FUZZ_PROMISE((*rows)->Equals(*parsed.rows));
}

/// Another parser of somebody else; only whether it is JSON counts. Numbers beyond every double end
/// its parse: then it has no opinion.
class Acceptor : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    no_opinion = error.id == kNumberOverflow;
    return false;
  }
  bool no_opinion = false;

 private:
  static constexpr int kNumberOverflow = 406;
};

/// Whether it is JSON, and why not, agree among simdjson with its arbiter, the arbiter alone, and a
/// parser of other people.
void CheckSyntax(record::RecordParser* parser, const Head& head, std::string_view value) {
  const std::optional<Reason> reason = parser->CheckJson(value);
  if (value.empty() || static_cast<int64_t>(value.size()) > head.limits().max_record_bytes) return;
  if (reason == Reason::kByteOrderMark) return;
  Acceptor acceptor;
  const bool accepted = nlohmann::json::sax_parse(value.begin(), value.end(), &acceptor);
  if (!reason.has_value()) {
    FUZZ_PROMISE(accepted || acceptor.no_opinion, value);
  } else if (*reason != Reason::kTooDeep && value.find('\0') == std::string_view::npos) {
    FUZZ_PROMISE(!accepted, value);  // a zero byte ends the text for it
  }
  if (reason == Reason::kInvalidUtf8) return;
  record::JsonScanner scanner(head.limits().max_depth);
  std::string patch(value);
  FUZZ_PROMISE(scanner.Scan(value, patch.data()) == reason, value);
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  uint8_t head = 0;
  for (const record::HostileRecord& record : record::ReadHostileRecords()) {
    if (record.value)
      seeds.push_back(std::string(1, static_cast<char>(head++ & 3)) + *record.value);
  }
  for (const char* file :
       {"tests/data/json/record_cases.txt", "tests/data/json/parsing_cases.txt"}) {
    for (const record::Case& c : record::ReadCases(file)) {
      seeds.push_back(std::string(1, static_cast<char>(head++ & 31)) +
                      record::Expand(c.text.substr(0, c.text.rfind(" =>"))));
    }
  }
  for (const record::Case& c : record::ReadCases("tests/data/json/nested_cases.txt")) {
    seeds.push_back(std::string(1, static_cast<char>(32 | (head++ & 3))) +
                    record::Expand(c.text.substr(0, c.text.rfind(" =>"))));
  }
  for (const record::Case& c : record::ReadCases("tests/data/json/array_cases.txt")) {
    seeds.push_back(std::string(1, static_cast<char>(64 | (head++ & 3))) +
                    record::Expand(c.text.substr(0, c.text.rfind(" =>"))));
  }
  for (const record::Case& c : record::ReadCases("tests/data/json/arrays_of_objects_cases.txt")) {
    seeds.push_back(std::string(1, static_cast<char>(128 | (head++ & 3))) +
                    record::Expand(c.text.substr(0, c.text.rfind(" =>"))));
  }
  seeds.push_back(
      "\4"
      R"({"trip_id":"t","car_id":"c","latitude":48.1,"longitude":11.5,"event_timestamp":"2024-03-10T14:22:35Z",)"
      R"("speed_kmph":63.5,"fuel_level":71,"engine_temp_c":-0,"trip_start_time":"2024-03-10T13:58:02+01:00",)"
      R"("trip_start_latitude":48,"trip_start_longitude":11.7861,"trip_start_date":"2024-03-10"})");
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::fuzz;
  if (size == 0) return 0;
  const Head head(data[0]);
  const std::string_view value = View(data + 1, size - 1);
  sluice::record::RecordParser parser(ContractOf(head), head.limits());
  const Parsed first = Parse(&parser, head, value);
  CheckRow(first, head, value);
  CheckObjects(first, head, value);
  // Nothing of it stays: the same parser, after a good record and a bad one, says the same.
  Parse(&parser, head, R"({"id":"a","real":1e999,"b":[[]]})");
  Parse(&parser, head, R"({"id":"a","text":"b","real":-0,"o":1,"p":2})");
  Parse(&parser, head, R"({"a":{"b":{"real":-0,"c":{"o":1e999}},"o":[{}]},"d":null})");
  Parse(&parser, head, R"({"lines":[{"real":-0,"x":1},{"parts":[{}]}],"full":[null,{"a":[]}]})");
  const Parsed second = Parse(&parser, head, value);
  FUZZ_PROMISE(second.judgement == first.judgement);
  FUZZ_PROMISE(second.rows->Equals(*first.rows));
  CheckWire(first, head);
  CheckSyntax(&parser, head, value);
  return 0;
}
