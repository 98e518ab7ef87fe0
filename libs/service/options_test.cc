#include "service/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>

#include "base/strings.h"

namespace sluice::service {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// A SLUICE_* variable for the duration of a test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { unsetenv(name_); }

 private:
  const char* name_;
};

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    definition_.name = "fake";
    definition_.description = "A service for tests";
    definition_.port_digit = 9;
    definition_.needs_pipeline = false;
  }

  std::optional<int> Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sluice-fake");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    parsed_ = {};
    return ParseOptions(static_cast<int>(argv.size()), argv.data(), definition_, &parsed_);
  }

  ServiceDefinition definition_;
  ParsedOptions parsed_;
};

TEST_F(OptionsTest, HasDefaults) {
  ASSERT_EQ(Parse({}), std::nullopt);
  EXPECT_THAT(parsed_.problems, IsEmpty());
  EXPECT_EQ(parsed_.common.admin_address, "127.0.0.1:7109");
  EXPECT_EQ(parsed_.common.metrics_address, "127.0.0.1:9109");
  EXPECT_THAT(parsed_.common.instance_id, HasSubstr(Concat("-", getpid())));
}

TEST_F(OptionsTest, TheCommandLineWinsOverTheEnvironment) {
  const Environment servers("SLUICE_BOOTSTRAP_SERVERS", "kafka:1");
  const Environment level("SLUICE_LOG_LEVEL", "debug");
  ASSERT_EQ(Parse({"--log-level", "error"}), std::nullopt);
  EXPECT_EQ(parsed_.common.bootstrap_servers, "kafka:1");
  EXPECT_EQ(parsed_.common.log_level, "error");
}

TEST_F(OptionsTest, AServicesOwnFlagsHaveAVariableToo) {
  int rate = 0;
  definition_.add_flags = [&](CLI::App& app) {
    app.add_option("--record-rate", rate, "records a second");
  };
  const Environment variable("SLUICE_RECORD_RATE", "17");
  ASSERT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(rate, 17);
}

TEST_F(OptionsTest, PropertiesComeOneByOneOrLineByLine) {
  ASSERT_EQ(Parse({"--kafka-property", "a=1", "--kafka-property", "b=x,y=z"}), std::nullopt);
  EXPECT_THAT(parsed_.common.kafka_properties, ElementsAre(Pair("a", "1"), Pair("b", "x,y=z")));
  const Environment variable("SLUICE_KAFKA_PROPERTY", "a=1\n  b=2\n");
  ASSERT_EQ(Parse({}), std::nullopt);
  EXPECT_THAT(parsed_.common.kafka_properties, ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_F(OptionsTest, SecretsComeFromFilesOnly) {
  const std::string path = Concat(testing::TempDir(), "sluice_options_test_", getpid());
  std::ofstream(path) << "s3cret\n";
  ASSERT_EQ(Parse({"--kafka-property", Concat("sasl.password=@", path)}), std::nullopt);
  EXPECT_THAT(parsed_.problems, IsEmpty());
  EXPECT_EQ(parsed_.common.kafka_properties["sasl.password"], "s3cret");
  unlink(path.c_str());

  ASSERT_EQ(Parse({"--kafka-property", "sasl.password=s3cret"}), std::nullopt);
  EXPECT_THAT(parsed_.problems, ElementsAre(HasSubstr("sasl.password=@FILE")));
  EXPECT_THAT(parsed_.problems.front(), ::testing::Not(HasSubstr("s3cret")));

  definition_.needs_database = true;
  for (const char* url : {"postgresql://u:s3cret@db/x", "host=db password=s3cret",
                          "postgresql://u@db/x?password=s3cret"}) {
    ASSERT_EQ(Parse({"--database-url", url}), std::nullopt);
    EXPECT_THAT(parsed_.problems, ElementsAre(HasSubstr("PGPASSFILE"))) << url;
  }
  ASSERT_EQ(Parse({"--database-url", "postgresql://u@db:5432/x?sslmode=require"}), std::nullopt);
  EXPECT_THAT(parsed_.problems, IsEmpty());
}

TEST_F(OptionsTest, AllProblemsAreFoundAtOnce) {
  definition_.needs_database = true;
  definition_.needs_pipeline = true;
  ASSERT_EQ(Parse({"--log-level", "loud", "--log-format", "xml", "--admin-address", "0.0.0.0:7109",
                   "--metrics-address", "nowhere", "--kafka-property", "nonsense"}),
            std::nullopt);
  for (const char* flag : {"--log-level", "--log-format", "--admin-address", "--metrics-address",
                           "--kafka-property", "--database-url", "--pipeline"}) {
    EXPECT_THAT(parsed_.problems, Contains(HasSubstr(flag)));
  }
  EXPECT_EQ(parsed_.problems.size(), 7u);
}

TEST_F(OptionsTest, BeyondLoopbackNeedsAWord) {
  ASSERT_EQ(Parse({"--admin-address", "0.0.0.0:7109", "--allow-insecure-admin"}), std::nullopt);
  EXPECT_THAT(parsed_.problems, IsEmpty());
  for (const char* loopback : {"127.0.0.1:0", "localhost:7109", "[::1]:7109"}) {
    ASSERT_EQ(Parse({"--admin-address", loopback}), std::nullopt);
    EXPECT_THAT(parsed_.problems, IsEmpty()) << loopback;
  }
  for (const char* wrong : {"127.0.0.1", ":7109", "127.0.0.1:70000", "::1:7109", "127.0.0.1:-1"}) {
    ASSERT_EQ(Parse({"--admin-address", wrong, "--allow-insecure-admin"}), std::nullopt);
    EXPECT_THAT(parsed_.problems, ElementsAre(HasSubstr("is not host:port"))) << wrong;
  }
}

TEST_F(OptionsTest, WrongUsageIsExitCode2) {
  EXPECT_EQ(Parse({"--no-such-flag"}), 2);
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_EQ(Parse({"--version"}), 0);
}

TEST_F(OptionsTest, ABrokenPipelineIsAProblemByName) {
  ASSERT_EQ(Parse({"--pipeline", "/nowhere/pipeline.yaml,/nowhere/else"}), std::nullopt);
  EXPECT_EQ(parsed_.problems.size(), 2u);
}

}  // namespace
}  // namespace sluice::service
