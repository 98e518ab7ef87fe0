#include "producer_simulator/checkpoint.h"

#include <simdjson.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/durable_file.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {
namespace {

constexpr int64_t kVersion = 1;

// Writes one JSON object after another; the caller opens and closes them.
class Writer {
 public:
  void Open() { text_ += '{'; }
  void Close() { text_ += '}'; }
  Writer& Key(std::string_view key) {
    if (text_.back() != '{') text_ += ',';
    AppendJsonString(key, &text_);
    text_ += ':';
    return *this;
  }
  void Text(std::string_view value) { AppendJsonString(value, &text_); }
  void Integer(int64_t value) { AppendInteger(value, &text_); }
  void Boolean(bool value) { text_ += value ? "true" : "false"; }
  void Position(const SourcePosition& position) {
    Open();
    Key("record").Integer(position.record);
    Key("segment").Integer(position.segment);
    Key("byte").Integer(position.byte);
    Close();
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

using simdjson::dom::element;
using simdjson::dom::object;

int64_t IntegerOf(const element& root, std::string_view key) {
  int64_t value = 0;
  if (root[key].get(value) != simdjson::SUCCESS) value = 0;
  return value;
}

std::string TextOf(const element& root, std::string_view key) {
  std::string_view value;
  return root[key].get(value) == simdjson::SUCCESS ? std::string(value) : "";
}

SourcePosition PositionOf(const element& root, std::string_view key) {
  element position;
  if (root[key].get(position) != simdjson::SUCCESS) return {};
  return {IntegerOf(position, "record"), IntegerOf(position, "segment"),
          IntegerOf(position, "byte")};
}

template <typename Visit>
void VisitMembers(const element& root, std::string_view key, const Visit& visit) {
  object members;
  if (root[key].get(members) != simdjson::SUCCESS) return;
  for (const auto& [name, value] : members) visit(std::string(name), value);
}

FaultHistory FaultsOf(const element& root) {
  FaultHistory history;
  VisitMembers(root, "faults", [&](const std::string& from, const element& shares) {
    FaultMix& mix = history[std::strtoll(from.c_str(), nullptr, 10)];
    object members;
    if (shares.get(members) != simdjson::SUCCESS) return;
    for (const auto& [label, value] : members) {
      int64_t ppm = 0;
      const std::optional<Fault> fault = ParseFault(label);
      if (fault.has_value() && value.get(ppm) == simdjson::SUCCESS) {
        mix.Set(*fault, static_cast<uint32_t>(ppm)).IgnoreError();
      }
    }
  });
  return history;
}

}  // namespace

std::string ToJson(const Checkpoint& checkpoint) {
  Writer out;
  out.Open();
  out.Key("version").Integer(kVersion);
  out.Key("run_id").Text(checkpoint.run_id);
  out.Key("origin").Text(checkpoint.origin);
  out.Key("topic").Text(checkpoint.topic);
  out.Key("topic_id").Text(checkpoint.topic_id);
  out.Key("clean").Boolean(checkpoint.clean);
  out.Key("main").Position(checkpoint.main);
  out.Key("published").Position(checkpoint.published);
  out.Key("read_back_from").Open();
  for (const auto& [partition, offset] : checkpoint.read_back_from) {
    out.Key(absl::StrCat(partition)).Integer(offset);
  }
  out.Close();
  out.Key("truth_bytes").Integer(checkpoint.truth_bytes);
  out.Key("delivered").Integer(checkpoint.delivered);
  out.Key("delivered_published").Integer(checkpoint.delivered_published);
  out.Key("rejected").Integer(checkpoint.rejected);
  out.Key("delivered_faults").Open();
  for (const auto& [label, count] : checkpoint.delivered_faults) out.Key(label).Integer(count);
  out.Close();
  out.Key("faults").Open();
  for (const auto& [from, mix] : checkpoint.faults) {
    out.Key(absl::StrCat(from)).Open();
    for (const std::string_view label : FaultLabels()) {
      if (const uint32_t ppm = mix.ppm(*ParseFault(label)); ppm > 0) out.Key(label).Integer(ppm);
    }
    out.Close();
  }
  out.Close();
  out.Close();
  return out.Take() + "\n";
}

absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object() ||
      IntegerOf(root, "version") != kVersion) {
    return absl::DataLossError("this is no checkpoint of the simulator");
  }
  Checkpoint checkpoint;
  checkpoint.run_id = TextOf(root, "run_id");
  checkpoint.origin = TextOf(root, "origin");
  checkpoint.topic = TextOf(root, "topic");
  checkpoint.topic_id = TextOf(root, "topic_id");
  bool clean = false;
  checkpoint.clean = root["clean"].get(clean) == simdjson::SUCCESS && clean;
  checkpoint.main = PositionOf(root, "main");
  checkpoint.published = PositionOf(root, "published");
  VisitMembers(root, "read_back_from", [&](const std::string& partition, const element& value) {
    int64_t offset = 0;
    if (value.get(offset) == simdjson::SUCCESS) {
      checkpoint.read_back_from[static_cast<int32_t>(std::strtol(partition.c_str(), nullptr, 10))] =
          offset;
    }
  });
  checkpoint.truth_bytes = IntegerOf(root, "truth_bytes");
  checkpoint.delivered = IntegerOf(root, "delivered");
  checkpoint.delivered_published = IntegerOf(root, "delivered_published");
  checkpoint.rejected = IntegerOf(root, "rejected");
  VisitMembers(root, "delivered_faults", [&](const std::string& label, const element& value) {
    int64_t count = 0;
    if (value.get(count) == simdjson::SUCCESS) checkpoint.delivered_faults[label] = count;
  });
  checkpoint.faults = FaultsOf(root);
  return checkpoint;
}

absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::optional<Checkpoint>();
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  absl::StatusOr<Checkpoint> checkpoint = ParseCheckpoint(text);
  if (!checkpoint.ok()) return Annotate(checkpoint.status(), path);
  return std::optional<Checkpoint>(*std::move(checkpoint));
}

absl::Status StoreCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  return ReplaceFile(path, ToJson(checkpoint));
}

}  // namespace sluice::producer_simulator
