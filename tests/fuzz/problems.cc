#include "problems.h"

#include <algorithm>

#include "target.h"

namespace sluice::fuzz {

void CheckProblems(std::string_view message, std::string_view file) {
  while (true) {
    const std::string_view line = message.substr(0, message.find('\n'));
    FUZZ_PROMISE(line.starts_with(file), line);
    FUZZ_PROMISE(line.find(": error: ") != std::string_view::npos, line);
    FUZZ_PROMISE(line.ends_with("]"), line);
    const bool one_line = std::none_of(line.begin(), line.end(),
                                       [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    FUZZ_PROMISE(one_line, line);
    if (line.size() == message.size()) return;
    message.remove_prefix(line.size() + 1);
  }
}

}  // namespace sluice::fuzz
