#include "sluicectl/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

}  // namespace
}  // namespace sluice::sluicectl
