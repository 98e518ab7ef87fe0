#include "record/case_file.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace sluice::record {
namespace {

[[noreturn]] void Die(std::string_view what, std::string_view where) {
  std::fprintf(stderr, "%s: %s\n", std::string(what).c_str(), std::string(where).c_str());
  std::abort();
}

constexpr char kHostileFolder[] = "tests/data/hostile";

HostileRecord Hostile(const Case& c) {
  const std::vector<std::string> name = absl::StrSplit(c.name, absl::MaxSplits(" ; ", 1));
  HostileRecord record;
  record.name = name[0];
  record.verdict = c.section[0];
  if (record.verdict == "corrupt") record.reason = c.section[1];
  const std::vector<std::string> options =
      absl::StrSplit(name.size() > 1 ? name[1] : "", ' ', absl::SkipEmpty());
  for (const std::string& option : options) {
    if (absl::StartsWith(option, "key=")) record.key = Expand(option.substr(4));
    if (absl::StartsWith(option, "timestamp=")) record.timestamp_ms = std::stoll(option.substr(10));
  }
  if (record.verdict == "tombstone") return record;
  const bool stored = record.verdict == "clean" || record.verdict == "failed";
  const size_t end = stored ? c.text.rfind(" =>") : c.text.size();
  if (end == std::string::npos) Die("does not say what is stored", c.name);
  record.value = Expand(c.text.substr(0, end));
  for (const std::string& option : c.section) {
    if (absl::StartsWith(option, "in=")) {
      record.value = option == "in=id" ? absl::StrCat("{\"id\":", *record.value, "}")
                                       : absl::StrCat("{\"id\":\"hostile\",\"", option.substr(3),
                                                      "\":", *record.value, "}");
    }
  }
  return record;
}

}  // namespace

std::vector<Case> ReadCases(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die("cannot read", path);
  std::vector<Case> cases;
  std::vector<std::string> section;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (absl::StartsWith(line, "== ")) {
      section = absl::StrSplit(line.substr(3), ' ', absl::SkipEmpty());
      continue;
    }
    const size_t bar = line.find(" | ");
    if (bar == std::string::npos || section.empty()) Die("not a case", line);
    cases.push_back({section, line.substr(0, bar), line.substr(bar + 3)});
  }
  return cases;
}

std::vector<HostileRecord> ReadHostileRecords() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kHostileFolder)) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<HostileRecord> records;
  for (const std::string& path : paths) {
    for (const Case& c : ReadCases(path)) records.push_back(Hostile(c));
  }
  return records;
}

std::string Expand(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '%') {
      bytes.push_back(text[i++]);
      continue;
    }
    if (text.substr(i + 1, 1) != "(") {
      const std::string_view digits = text.substr(i + 1, 2);
      unsigned value = 0;
      if (std::sscanf(std::string(digits).c_str(), "%2X", &value) != 1) Die("bad byte", text);
      bytes.push_back(static_cast<char>(value));
      i += 3;
      continue;
    }
    const size_t star = text.find('*', i);
    const size_t close = text.find(')', i);
    int times = 0;
    if (close == std::string_view::npos || star > close ||
        std::from_chars(text.data() + i + 2, text.data() + star, times).ptr != text.data() + star) {
      Die("bad repetition", text);
    }
    const std::string unit = Expand(text.substr(star + 1, close - star - 1));
    for (int n = 0; n < times; ++n) bytes += unit;
    i = close + 1;
  }
  return bytes;
}

std::string Printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const bool plain = c > ' ' && c < 0x7F && c != '%';
    if (plain) {
      text.push_back(c);
    } else {
      absl::StrAppendFormat(&text, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return text;
}

}  // namespace sluice::record
