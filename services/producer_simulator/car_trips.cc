#include "producer_simulator/car_trips.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/strings.h"
#include "contract/timestamp.h"
#include "producer_simulator/hash.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {
namespace {

using contract::kMicrosPerDay;
using contract::kMicrosPerSecond;

enum Salt : uint64_t { kFaultChoice = 101, kFaultChance, kLateness };

Expectation MakeExpectation(Fault fault, const std::vector<std::string>& rules) {
  const FaultKind& kind = Describe(fault);
  Expectation expectation;
  expectation.fault = fault;
  std::string& json = expectation.json;
  json = "\"fault\":";
  if (kind.label.empty()) {
    json += "null";
  } else {
    AppendJsonString(kind.label, &json);
  }
  json += ",\"verdict\":";
  AppendJsonString(batch::Name(kind.verdict), &json);
  json += ",\"reason\":";
  if (kind.reason.has_value()) {
    AppendJsonString(batch::Name(*kind.reason), &json);
  } else {
    json += "null";
  }
  json += ",\"rules\":[";
  for (const std::string& rule : rules) {
    if (json.back() != '[') json += ',';
    AppendJsonString(rule, &json);
  }
  json += ']';
  return expectation;
}

int64_t Scale(double value, double factor) {
  const double scaled = value * factor;
  return static_cast<int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

void AppendTwoDigits(int64_t value, std::string* out) {
  out->push_back(static_cast<char>('0' + value / 10));
  out->push_back(static_cast<char>('0' + value % 10));
}

std::string CarId(int64_t car) { return absl::StrCat("car-", absl::Dec(car, absl::kZeroPad4)); }

// How many bytes make `text` just longer than `limit`.
size_t Missing(int64_t limit, const std::string& text) {
  return static_cast<size_t>(std::max<int64_t>(0, limit + 1 - static_cast<int64_t>(text.size())));
}

void ReplaceFirst(std::string_view from, std::string_view to, std::string* text) {
  const size_t at = text->find(from);
  if (at != std::string::npos) text->replace(at, from.size(), to);
}

}  // namespace

void Record::Clear() {
  id.clear();
  has_key = false;
  key.clear();
  has_value = true;
  value.clear();
  partition = -1;
  timestamp_ms = 0;
  headers.clear();
  expectation = nullptr;
}

CarTrips::CarTrips(uint64_t seed, Profile profile, const RecordLimits& limits)
    : seed_(seed),
      profile_(std::move(profile)),
      limits_(limits),
      fleet_(seed, profile_),
      variants_of_(kFaultCount) {
  for (size_t i = 0; i < kFaultCount; ++i) {
    expectations_.push_back(MakeExpectation(static_cast<Fault>(i), {}));
  }
  for (size_t i = 0; i < profile_.variants.size(); ++i) {
    const Variant& variant = profile_.variants[i];
    variant_expectations_.push_back(MakeExpectation(variant.fault, variant.rules));
    variants_of_[static_cast<size_t>(variant.fault)].push_back(i);
  }
}

Fault CarTrips::Wanted(int64_t number, const FaultHistory& history) const {
  const auto after = history.upper_bound(number);
  if (after == history.begin()) return Fault::kNone;
  const Fault fault = std::prev(after)->second.Pick(Hash(seed_, kFaultChoice, number));
  if (Describe(fault).of_variants && variants_of_[static_cast<size_t>(fault)].empty()) {
    return Fault::kNone;
  }
  return fault;
}

Fault CarTrips::FaultOf(int64_t number, const FaultHistory& history) const {
  const Fault fault = Wanted(number, history);
  if (fault != Fault::kDuplicate) return fault;
  // A duplicate repeats the car's record before, which must have been sent as it is.
  const int64_t before = number - profile_.cars;
  return before >= 0 && Wanted(before, history) == Fault::kNone ? fault : Fault::kNone;
}

int64_t CarTrips::LateTicks(int64_t number) const {
  const int64_t late_us = static_cast<int64_t>(Between(
      Hash(seed_, kLateness, number), 1200.0 * kMicrosPerSecond, 10800.0 * kMicrosPerSecond));
  return late_us / profile_.interval_us + 1;
}

void CarTrips::Make(int64_t number, const FaultHistory& history, Record* record) {
  const int64_t car = number % profile_.cars;
  int64_t tick = number / profile_.cars;
  const Fault fault = FaultOf(number, history);
  if (fault == Fault::kDuplicate) tick -= 1;
  if (fault == Fault::kLate) tick -= LateTicks(number);
  Measurement m = fleet_.Measure(car, tick);
  // Not the measurement that was sent in time, but one from between.
  if (fault == Fault::kLate) m.event_time_us += profile_.interval_us / 3;
  record->has_value = true;
  record->timestamp_ms = 0;
  record->expectation = Expect(fault);
  MakeKey(m, record);
  record->value.clear();
  Render(m, &record->value);
  if (fault != Fault::kNone && fault != Fault::kDuplicate && fault != Fault::kLate) {
    Inject(fault, Hash(seed_, kFaultChance, number), m, record);
  }
}

void CarTrips::MakeKey(const Measurement& m, Record* record) const {
  record->has_key = true;
  record->key = profile_.key == Profile::Key::kCarId ? CarId(m.car) : *m.trip_id;
}

void CarTrips::Render(const Measurement& m, std::string* out) {
  const auto append_time = [&](int64_t micros) {
    const int64_t day = FloorDiv(micros, kMicrosPerDay);
    if (day != day_) {
      day_ = day;
      day_text_.clear();
      contract::AppendDate(day, &day_text_);
    }
    const int64_t millis = (micros - day * kMicrosPerDay) / 1000;
    out->append(day_text_).push_back('T');
    AppendTwoDigits(millis / 3'600'000, out);
    out->push_back(':');
    AppendTwoDigits(millis / 60'000 % 60, out);
    out->push_back(':');
    AppendTwoDigits(millis / 1000 % 60, out);
    out->push_back('.');
    out->push_back(static_cast<char>('0' + millis / 100 % 10));
    AppendTwoDigits(millis % 100, out);
    out->push_back('Z');
  };
  out->append("{\"trip_id\":\"").append(*m.trip_id).append("\",\"car_id\":\"car-");
  for (int64_t digit = 1000; m.car < digit && digit > 1; digit /= 10) out->push_back('0');
  AppendInteger(m.car, out);
  out->append("\",\"latitude\":");
  AppendDecimal(Scale(m.latitude, 1e6), 6, out);
  out->append(",\"longitude\":");
  AppendDecimal(Scale(m.longitude, 1e6), 6, out);
  out->append(",\"event_timestamp\":\"");
  append_time(m.event_time_us);
  out->append("\",\"speed_kmph\":");
  AppendDecimal(Scale(m.speed_kmph, 10), 1, out);
  out->append(",\"fuel_level\":");
  AppendDecimal(Scale(m.fuel_level, 1000), 3, out);
  out->append(",\"engine_temp_c\":");
  AppendDecimal(Scale(m.engine_temp_c, 10), 1, out);
  out->append(",\"trip_start_time\":\"");
  append_time(m.trip_start_time_us);
  out->append("\",\"trip_start_latitude\":");
  AppendDecimal(Scale(m.trip_start_latitude, 1e6), 6, out);
  out->append(",\"trip_start_longitude\":");
  AppendDecimal(Scale(m.trip_start_longitude, 1e6), 6, out);
  out->append(",\"trip_start_date\":\"").append(day_text_).append("\"}");  // the day of the start
}

struct CarTrips::Field {
  std::string name;
  std::string json;
};

void CarTrips::ApplyVariant(const Variant& variant, const Measurement& m, std::string* out) {
  std::string whole;
  Render(m, &whole);
  // What Render writes has no comma and no colon after a quote but between members.
  std::vector<Field> fields;
  for (size_t at = 1; at < whole.size();) {
    const size_t colon = whole.find("\":", at);
    size_t end = whole.find(",\"", colon);
    if (end == std::string::npos) end = whole.size() - 1;
    fields.push_back(
        {whole.substr(at + 1, colon - at - 1), whole.substr(colon + 2, end - colon - 2)});
    at = end + 1;
  }
  for (const std::string& name : variant.remove) {
    std::erase_if(fields, [&](const Field& field) { return field.name == name; });
  }
  for (const auto& [name, json] : variant.set) {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& field) { return field.name == name; });
    if (found != fields.end()) {
      found->json = json;
    } else {
      fields.push_back({name, json});
    }
  }
  out->assign("{");
  for (const Field& field : fields) {
    if (out->size() > 1) out->push_back(',');
    AppendJsonString(field.name, out);
    out->append(":").append(field.json);
  }
  out->push_back('}');
}

void CarTrips::Inject(Fault fault, uint64_t chance, const Measurement& m, Record* record) {
  std::string& value = record->value;
  const auto choose = [chance](uint64_t count) { return Below(chance, count); };
  if (Describe(fault).of_variants) {
    const std::vector<size_t>& variants = variants_of_[static_cast<size_t>(fault)];
    const size_t variant = variants[choose(variants.size())];
    ApplyVariant(profile_.variants[variant], m, &value);
    record->expectation = &variant_expectations_[variant];
    return;
  }
  static constexpr std::string_view kCarPrefix = "\"car_id\":\"car";
  switch (fault) {
    case Fault::kBrokenJson:
      switch (choose(6)) {
        case 0:
          value.resize(1 + Below(Mix(chance, 1), value.size() - 1));
          break;
        case 1:
          value.insert(value.size() - 1, ",");
          break;
        case 2:
          std::replace(value.begin(), value.end(), '"', '\'');
          break;
        case 3:
          ReplaceFirst(",\"latitude\"", "\"latitude\"", &value);
          break;
        case 4:
          value += " {}";
          break;
        default:
          ReplaceFirst("\"fuel_level\":", "\"fuel_level\":NaN", &value);
          break;
      }
      break;
    case Fault::kBadUtf8: {
      // A stray byte, an overlong slash, half a surrogate pair (as bytes and as an escape), a
      // cut-off euro sign.
      static constexpr std::array<std::string_view, 5> kBytes = {"\xFF", "\xC0\xAF", "\xED\xA0\x80",
                                                                 "\\ud800", "\xE2\x82"};
      value.insert(value.find(kCarPrefix) + kCarPrefix.size(), kBytes[choose(kBytes.size())]);
      break;
    }
    case Fault::kByteOrderMark:
      value.insert(0, "\xEF\xBB\xBF");
      break;
    case Fault::kNotAnObject: {
      static constexpr std::array<std::string_view, 4> kValues = {"null", "42", "\"car-0042\"",
                                                                  "[]"};
      const uint64_t choice = choose(kValues.size() + 1);
      value = choice < kValues.size() ? std::string(kValues[choice]) : Concat("[", value, "]");
      break;
    }
    case Fault::kDuplicateKey:
      value.insert(value.size() - 1,
                   choose(2) == 0 ? ",\"speed_kmph\":1.5" : ",\"speed\\u005fkmph\":1.5");
      break;
    case Fault::kNulCharacter:
      value.insert(value.find(kCarPrefix) + kCarPrefix.size(), "\\u0000");
      break;
    case Fault::kEmptyValue:
      value.clear();
      break;
    case Fault::kOversize:
      value.insert(value.size() - 1, Missing(limits_.max_record_bytes, value), ' ');
      break;
    case Fault::kOversizeKey:
      record->key.append(Missing(limits_.max_key_bytes, record->key), 'k');
      break;
    case Fault::kTooDeep: {
      const auto depth = static_cast<size_t>(limits_.max_depth);
      ReplaceFirst("\"engine_temp_c\":",
                   Concat("\"engine_temp_c\":", std::string(depth, '['), "1",
                          std::string(depth, ']'), ",\"depth\":"),
                   &value);
      break;
    }
    case Fault::kBadRecordTimestamp:
      record->timestamp_ms = -86'400'000;
      break;  // 1969
    case Fault::kTombstone:
      record->has_value = false;
      break;
    default:
      break;
  }
}

}  // namespace sluice::producer_simulator
