#include "contract/environment.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace sluice::contract {
namespace {

bool IsVariableName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  for (char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ExpandEnvironment(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      result.push_back(text[i++]);
      continue;
    }
    const std::string_view rest = text.substr(i + 1);
    if (!rest.empty() && rest[0] == '$') {
      result.push_back('$');
      i += 2;
      continue;
    }
    const size_t end = rest.find('}');
    if (rest.empty() || rest[0] != '{' || end == std::string_view::npos) {
      return absl::InvalidArgumentError(
          "a variable is written ${NAME} or ${NAME:-default}, a dollar sign $$");
    }
    const std::string_view inside = rest.substr(1, end - 1);
    const size_t separator = inside.find(":-");
    const std::string_view name = inside.substr(0, separator);
    if (!IsVariableName(name)) {
      return absl::InvalidArgumentError(Concat(
          "\"", inside.substr(0, 60), "\" is no variable; write ${NAME} or ${NAME:-default}"));
    }
    const char* value = std::getenv(std::string(name).c_str());
    if (separator != std::string_view::npos) {
      Append(&result, value == nullptr || *value == '\0' ? inside.substr(separator + 2) : value);
    } else if (value == nullptr) {
      return absl::InvalidArgumentError(Concat("the environment variable ", name,
                                               " is not set; set it or write ${", name,
                                               ":-default}"));
    } else {
      Append(&result, value);
    }
    i += end + 2;
  }
  return result;
}

}  // namespace sluice::contract
