#include "seeds.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "target.h"

namespace sluice::fuzz {

std::vector<std::string> ReadFolder(const std::string& folder, const std::string& suffix) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.size() >= suffix.size() && path.ends_with(suffix)) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  FUZZ_PROMISE(!texts.empty(), folder);
  return texts;
}

std::shared_ptr<const contract::Contract> Contract(const std::string& path) {
  const auto contract = contract::LoadContract(path);
  FUZZ_PROMISE(contract.ok(), StdView(contract.status().message()));
  return *contract;
}

}  // namespace sluice::fuzz
