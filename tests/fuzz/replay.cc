// A fuzz target without libFuzzer. Without arguments: its inputs, and some changes of each, the
// same every time. With files: those. --write FOLDER: the inputs as files, for libFuzzer.

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "batch/batch_for_test.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

constexpr int kChangesOfEach = 10;

void Run(const std::string& input) {
  // In memory of its own size: a sanitizer sees what reads beyond it.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string Change(std::string input, const std::string& other, batch::Random* chance) {
  for (int64_t n = chance->Below(3); n >= 0 && !input.empty(); --n) {
    const auto at = static_cast<size_t>(chance->Below(static_cast<int64_t>(input.size())));
    const auto length =
        static_cast<size_t>(chance->Below(static_cast<int64_t>(input.size() - at))) + 1;
    switch (chance->Below(6)) {
      case 0:
        input[at] = static_cast<char>(input[at] ^ (1 << chance->Below(8)));
        break;
      case 1:
        input[at] = static_cast<char>(chance->Below(256));
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.erase(at, length);
        break;
      case 4:
        input.insert(at, input.substr(at, length));
        break;
      default:
        input = input.substr(0, at) + other.substr(std::min(at, other.size()));
    }
  }
  return input;
}

void Replay(int changes_of_each) {
  const std::vector<std::string> seeds = Seeds();
  batch::Random chance(batch::TestSeed());
  size_t runs = 0;
  for (const std::string& seed : seeds) {
    Run(seed);
    ++runs;
    if (seed.size() > kMaxInputBytes) continue;
    for (int n = 0; n < changes_of_each; ++n, ++runs) {
      const auto other = static_cast<size_t>(chance.Below(static_cast<int64_t>(seeds.size())));
      Run(Change(seed, seeds[other], &chance));
    }
  }
  std::printf("%zu inputs from %zu seeds\n", runs, seeds.size());
}

void Write(const std::string& folder) {
  std::filesystem::create_directories(folder);
  size_t number = 0;
  for (const std::string& seed : Seeds()) {
    if (seed.size() > kMaxInputBytes) continue;
    std::ofstream(folder + "/seed-" + std::to_string(number++), std::ios::binary) << seed;
  }
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  using namespace sluice::fuzz;
  if (argc == 1) {
    Replay(kChangesOfEach);
  } else if (argc == 3 && std::strcmp(argv[1], "--changes") == 0) {
    Replay(std::atoi(argv[2]));
  } else if (argc == 3 && std::strcmp(argv[1], "--write") == 0) {
    Write(argv[2]);
  } else {
    for (int i = 1; i < argc; ++i) {
      std::ifstream file(argv[i], std::ios::binary);
      Run({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
    }
  }
}
