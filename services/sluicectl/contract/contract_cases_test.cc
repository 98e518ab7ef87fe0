// The text cases of tests/data/sluicectl: a command line and the files it is given, in the form of
// Go's txtar archives. README.md there has the format.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "contract/case_file_for_test.h"
#include "sluicectl/application.h"

namespace sluice::sluicectl {
namespace {

namespace fs = std::filesystem;

/// A folder of its own that is the working directory while this lives.
class Workplace {
 public:
  Workplace() : before_(fs::current_path()) {
    std::string name = (fs::temp_directory_path() / "sluicectl_case_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    fs::current_path(folder_);
  }
  ~Workplace() {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

 private:
  fs::path before_;
  fs::path folder_;
};

/// Writes the files of the archive into the working directory; returns the command lines.
std::vector<std::string> Unpack(const std::string& archive) {
  std::vector<std::string> commands;
  std::ofstream file;
  std::istringstream lines(archive);
  for (std::string line; std::getline(lines, line);) {
    if (absl::StartsWith(line, "-- ") && absl::EndsWith(line, " --")) {
      const fs::path path = line.substr(3, line.size() - 6);
      if (path.has_parent_path()) fs::create_directories(path.parent_path());
      file.close();
      file.open(path, std::ios::binary);
    } else if (file.is_open()) {
      // Without the line end that the archive has and the file should not.
      file << line << (lines.eof() ? "" : "\n");
    } else if (absl::StartsWith(line, "$ ")) {
      commands.push_back(line.substr(2));
    }
  }
  return commands;
}

/// What it prints, and its exit code. `cat FILE` prints what a command has written.
std::string RunLine(const std::string& command) {
  if (absl::StartsWith(command, "cat "))
    return absl::StrCat("$ ", command, "\n", contract::ReadAll(command.substr(4)));
  std::vector<std::string> words = absl::StrSplit(command, ' ', absl::SkipEmpty());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = RunApplication(static_cast<int>(argv.size()), argv.data());
  std::string text = absl::StrCat("$ ", command, "\n", testing::internal::GetCapturedStdout());
  const std::string errors = testing::internal::GetCapturedStderr();
  if (!errors.empty()) absl::StrAppend(&text, "stderr: ", errors);
  return absl::StrCat(text, "exit ", code, "\n");
}

TEST(ContractCases, TextCases) {
  std::vector<fs::path> files = contract::CaseFiles("tests/data/sluicectl", ".txtar");
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    const std::string archive = contract::ReadAll(file);
    std::string actual;
    {
      const Workplace workplace;
      const std::vector<std::string> commands = Unpack(archive);
      ASSERT_FALSE(commands.empty()) << file;
      for (const std::string& command : commands) absl::StrAppend(&actual, RunLine(command));
    }
    contract::ExpectCase(file, actual);
  }
}

}  // namespace
}  // namespace sluice::sluicectl
