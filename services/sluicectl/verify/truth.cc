#include "sluicectl/verify/truth.h"

#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>

#include "base/status.h"

namespace sluice::sluicectl {
namespace {

using simdjson::dom::element;

std::string TextOrEmpty(const element& line, const char* key) {
  std::string_view text;
  return line[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

std::string RulesOf(const element& line) {
  simdjson::dom::array array;
  if (line["rules"].get(array) != simdjson::SUCCESS) return "";
  std::vector<std::string> rules;
  for (const element& rule : array) {
    std::string_view text;
    if (rule.get(text) == simdjson::SUCCESS) rules.emplace_back(text);
  }
  return JoinRules(std::move(rules));
}

absl::Status ParseLine(const element& line, Vocabulary* vocabulary, int32_t* partition,
                       Promise* promise) {
  int64_t number = -1;
  if (line["partition"].get(number) != simdjson::SUCCESS || number < 0 ||
      number > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError("there is no partition");
  }
  *partition = static_cast<int32_t>(number);
  if (line["offset"].get(promise->offset) != simdjson::SUCCESS || promise->offset < 0) {
    return absl::InvalidArgumentError("there is no offset");
  }
  const std::string name = TextOrEmpty(line, "verdict");
  const auto verdict = batch::ParseVerdict(name);
  if (!verdict) return absl::InvalidArgumentError(Concat("there is no verdict `", name, "`"));
  promise->verdict = *verdict;
  promise->reason = vocabulary->Intern(TextOrEmpty(line, "reason"));
  promise->rules = vocabulary->Intern(RulesOf(line));
  const std::string record_id = TextOrEmpty(line, "record_id");
  if (!record_id.empty()) promise->record_id_hash = HashRecordId(record_id);
  return absl::OkStatus();
}

bool Agree(const Promise& a, const Promise& b) {
  return a.verdict == b.verdict && a.reason == b.reason && a.rules == b.rules &&
         a.record_id_hash == b.record_id_hash;
}

// In order, each offset once. A simulator that was killed may have written a line twice.
absl::Status Settle(const std::string& path, int32_t partition, std::vector<Promise>* promises) {
  std::stable_sort(promises->begin(), promises->end(),
                   [](const Promise& a, const Promise& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < promises->size(); ++i) {
    const Promise& promise = (*promises)[i];
    if (promise.offset == (*promises)[i - 1].offset && !Agree(promise, (*promises)[i - 1])) {
      return absl::InvalidArgumentError(
          Concat(path, ": two lines contradict each other about ", partition, "@", promise.offset));
    }
  }
  const auto same = [](const Promise& a, const Promise& b) { return a.offset == b.offset; };
  promises->erase(std::unique(promises->begin(), promises->end(), same), promises->end());
  return absl::OkStatus();
}

}  // namespace

uint64_t HashRecordId(std::string_view record_id) {
  return static_cast<uint64_t>(std::hash<std::string_view>()(record_id)) | 1;
}

std::string JoinRules(std::vector<std::string> rules) {
  std::sort(rules.begin(), rules.end());
  std::string text;
  for (const std::string& rule : rules) Append(&text, text.empty() ? "" : ",", rule);
  return text;
}

absl::StatusOr<Truth> LoadTruth(const std::string& path, Vocabulary* vocabulary) {
  std::ifstream file(path);
  if (!file) return absl::InvalidArgumentError(Concat("cannot read the truth file ", path));
  Truth truth;
  simdjson::dom::parser parser;
  std::string text;
  for (int64_t number = 1; std::getline(file, text); ++number) {
    if (text.empty()) continue;
    element line;
    if (const auto error = parser.parse(text).get(line); error != simdjson::SUCCESS) {
      // A last line without its end was cut off by the end of its writer.
      if (file.eof()) break;
      return absl::InvalidArgumentError(
          Concat(path, ":", number, ": ", simdjson::error_message(error)));
    }
    int32_t partition = 0;
    Promise promise;
    SLUICE_RETURN_IF_ERROR(
        Annotate(ParseLine(line, vocabulary, &partition, &promise), Concat(path, ":", number)));
    truth[partition].push_back(promise);
  }
  for (auto& [partition, promises] : truth) {
    SLUICE_RETURN_IF_ERROR(Settle(path, partition, &promises));
  }
  return truth;
}

}  // namespace sluice::sluicectl
