#include "sluicectl/question.h"

#include <unistd.h>

#include <iostream>

#include "base/strings.h"

namespace sluice::sluicectl {

std::string Ask(const std::string& question) {
  std::cerr << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer;
}

absl::Status Confirm(const std::string& what) {
  if (!isatty(STDIN_FILENO))
    return absl::InvalidArgumentError("nobody to ask: add --yes to go on unattended");
  if (Ask(Concat(what, " Go on? [y/N] ")) != "y")
    return absl::CancelledError("nothing was changed");
  return absl::OkStatus();
}

}  // namespace sluice::sluicectl
