#include "service/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/strings.h"

namespace sluice::service {
namespace {

bool IsSecret(const std::string& property) {
  for (const char* ending : {".password", ".secret", ".key.pem"}) {
    if (absl::EndsWith(property, ending)) return true;
  }
  return false;
}

}  // namespace

void NameEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const bool about_the_program = option == app.get_help_ptr() || option == app.get_version_ptr();
    if (option->get_lnames().empty() || about_the_program) continue;
    std::string name = "SLUICE_" + option->get_lnames().front();
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
      return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    option->envname(name);
  }
}

std::map<std::string, std::string> ParseKafkaProperties(const std::vector<std::string>& texts,
                                                        std::vector<std::string>* problems) {
  std::map<std::string, std::string> properties;
  for (std::string line : SplitAll(texts, '\n')) {
    absl::StripAsciiWhitespace(&line);
    const size_t equals = line.find('=');
    if (line.empty()) continue;
    if (equals == 0 || equals == std::string::npos) {
      problems->push_back(
          Concat("--kafka-property: `", line.substr(0, equals), "` is not name=value"));
      continue;
    }
    const std::string name = line.substr(0, equals);
    std::string value = line.substr(equals + 1);
    if (absl::StartsWith(value, "@")) {
      std::ifstream file(value.substr(1), std::ios::binary);
      if (!file) {
        problems->push_back(Concat("--kafka-property: ", name, ": cannot read ", value.substr(1)));
        continue;
      }
      value.assign(std::istreambuf_iterator<char>(file), {});
      absl::StripTrailingAsciiWhitespace(&value);
    } else if (IsSecret(name)) {
      problems->push_back(Concat("--kafka-property: ", name,
                                 " is a secret: put it into a file and give ", name, "=@FILE"));
      continue;
    }
    properties[name] = std::move(value);
  }
  return properties;
}

bool HoldsPassword(const std::string& url) {
  if (absl::StrContains(url, "password=")) return true;
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return false;
  const size_t begin = scheme + 3;
  const std::string authority = url.substr(begin, url.find_first_of("/?", begin) - begin);
  const size_t at = authority.rfind('@');
  return at != std::string::npos && authority.substr(0, at).find(':') != std::string::npos;
}

std::vector<std::string> SplitAll(const std::vector<std::string>& texts, char separator) {
  std::vector<std::string> pieces;
  for (const std::string& text : texts) {
    for (absl::string_view piece : absl::StrSplit(text, separator, absl::SkipEmpty())) {
      pieces.emplace_back(piece);
    }
  }
  return pieces;
}

}  // namespace sluice::service
