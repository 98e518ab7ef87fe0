#include "sluicectl/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "sluicectl/command_line.h"

namespace sluice::sluicectl {
namespace {

using ::testing::HasSubstr;

int RunWith(std::vector<std::string> arguments, std::string* output) {
  arguments.insert(arguments.begin(), "sluicectl");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  testing::internal::CaptureStdout();
  const int code = RunApplication(static_cast<int>(argv.size()), argv.data());
  *output = testing::internal::GetCapturedStdout();
  return code;
}

// CLI11 refuses names when an application is built, and which ones differs from version to version.
TEST(ApplicationTest, CanBeBuilt) {
  std::string output;
  EXPECT_EQ(RunWith({"--version"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("sluicectl "));
}

TEST(ApplicationTest, SaysWhatFaultsLookLike) {
  std::string output;
  EXPECT_EQ(RunWith({"sim", "faults", "--help"}, &output), 0);
  EXPECT_THAT(output, HasSubstr("LABEL=SHARE"));
}

TEST(ApplicationTest, WrongUsageIsExitCode2) {
  std::string output;
  EXPECT_EQ(RunWith({"no-such-command"}, &output), 2);
  EXPECT_EQ(RunWith({"status", "--endpoint", "nonsense"}, &output), 2);
  EXPECT_EQ(RunWith({"contract"}, &output), 2);
  EXPECT_EQ(RunWith({"contract", "lint"}, &output), 2);
}

// Below the line `Examples:` of a help text.
std::vector<std::string> ExamplesOf(const CLI::App& app) {
  const std::string help = app.help();
  const size_t begin = help.find("\nExamples:\n");
  std::vector<std::string> examples;
  if (begin == std::string::npos) return examples;
  std::istringstream lines(help.substr(begin + 11));
  for (std::string line; std::getline(lines, line);) {
    // What stands before or behind in a pipe or a redirection is of others.
    const size_t command = line.find("sluicectl ");
    if (command == std::string::npos) continue;
    examples.push_back(line.substr(command, line.find_first_of("|>)", command) - command));
  }
  return examples;
}

void ExpectExamples(const CLI::App& app, const std::string& path) {
  const std::vector<std::string> examples = ExamplesOf(app);
  EXPECT_FALSE(examples.empty()) << path << " --help has no Examples:";
  bool of_itself = false;
  for (const std::string& example : examples) {
    std::istringstream text(example);
    std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    CommandLine line;
    EXPECT_EQ(line.Parse(static_cast<int>(argv.size()), argv.data()), std::nullopt) << example;
    of_itself = of_itself || example.find(path) == 0 || app.get_parent() == nullptr;
  }
  EXPECT_TRUE(of_itself) << "none is of " << path;
  for (const CLI::App* below : app.get_subcommands({})) {
    ExpectExamples(*below, path + " " + below->get_name());
  }
}

TEST(ApplicationTest, EveryCommandHasExamplesThatCanBeParsed) {
  const CommandLine line;
  ExpectExamples(line.app(), "sluicectl");
}

// What bash offers for the last of these words.
std::string Completed(const std::string& words) {
  std::string script;
  EXPECT_EQ(RunWith({"completion", "bash"}, &script), 0);
  const std::string path = testing::TempDir() + "sluicectl_completion.bash";
  std::ofstream(path) << script << "COMP_WORDS=(" << words << ")\n"
                      << "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sluicectl\n"
                      << "echo \"${COMPREPLY[*]}\"\n";
  FILE* const shell = popen(("bash --norc --noprofile " + path + " 2>&1").c_str(), "r");
  std::string output;
  for (int c = std::fgetc(shell); c != EOF; c = std::fgetc(shell)) output += static_cast<char>(c);
  EXPECT_EQ(pclose(shell), 0) << output;
  return output.substr(0, output.find_last_not_of('\n') + 1);
}

TEST(ApplicationTest, BashCompletesCommandsFlagsAndValues) {
  EXPECT_EQ(Completed("sluicectl sta"), "status");
  EXPECT_EQ(Completed("sluicectl dead-letters ''"), "list show replay");
  EXPECT_EQ(Completed("sluicectl -o json contract l"), "lint");
  EXPECT_EQ(Completed("sluicectl --pipeline status dead-letters s"), "show")
      << "the value of a flag is no command";
  EXPECT_EQ(Completed("sluicectl tap checked --col"), "--column");
  EXPECT_EQ(Completed("sluicectl tap checked --pipe"), "--pipeline") << "global flags too";
  EXPECT_EQ(Completed("sluicectl contract lint --fail-on w"), "warning");
  EXPECT_EQ(Completed("sluicectl status -o ''"), "table json");
  EXPECT_EQ(Completed("sluicectl log-level ''"), "debug info warn error");
  EXPECT_EQ(Completed("sluicectl dead-letters replay --with ''"), "") << "bash knows the files";
}

}  // namespace
}  // namespace sluice::sluicectl
