#pragma once
// Text cases: a file and, beside it, `<file>.expected`. With SLUICE_UPDATE_CASES=1 in the
// environment the expectation is written instead of compared; read the difference before you keep
// it.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::contract {

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The files in `folder` (relative to the root of the tree, where tests run) that end in `suffix`.
inline std::vector<std::filesystem::path> CaseFiles(const std::string& folder,
                                                    const std::string& suffix) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix)
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline void ExpectCase(const std::filesystem::path& file, const std::string& actual) {
  const std::filesystem::path expected = file.string() + ".expected";
  if (std::getenv("SLUICE_UPDATE_CASES") != nullptr) {
    std::ofstream(expected, std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(actual, ReadAll(expected)) << "case " << file;
}

}  // namespace sluice::contract
