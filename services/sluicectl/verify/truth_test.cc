#include "sluicectl/verify/truth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/strings.h"

namespace sluice::sluicectl {
namespace {

using ::testing::HasSubstr;

class TruthTest : public ::testing::Test {
 protected:
  ~TruthTest() override { unlink(path_.c_str()); }

  absl::StatusOr<Truth> Load(std::string_view text) {
    std::ofstream(path_) << text;
    return LoadTruth(path_, &words_);
  }

  const std::string path_ = Concat(testing::TempDir(), "sluice_truth_test_", getpid());
  Vocabulary words_;
};

TEST_F(TruthTest, ReadsWhatTheSimulatorWrites) {
  const auto truth = Load(
      R"({"partition":1,"offset":7,"record_id":"a-7","fault":"null","verdict":"failed","reason":null,"rules":["z","a"]})"
      "\n"
      R"({"partition":1,"offset":3,"record_id":"a-3","fault":"broken_json","verdict":"corrupt","reason":"invalid_json","rules":[]})"
      "\n"
      R"({"partition":0,"offset":0,"verdict":"clean"})"
      "\n");
  ASSERT_TRUE(truth.ok()) << truth.status();
  ASSERT_EQ(truth->at(1).size(), 2u);
  const Promise& corrupt = truth->at(1)[0];
  EXPECT_EQ(corrupt.offset, 3);
  EXPECT_EQ(words_.Text(corrupt.reason), "invalid_json");
  EXPECT_EQ(corrupt.record_id_hash, HashRecordId("a-3"));
  const Promise& failed = truth->at(1)[1];
  EXPECT_EQ(failed.verdict, batch::Verdict::kFailed);
  EXPECT_EQ(words_.Text(failed.rules), "a,z");
  EXPECT_EQ(truth->at(0)[0].record_id_hash, 0u);
}

TEST_F(TruthTest, ALineMayBeRepeatedButNotContradicted) {
  const std::string line = R"({"partition":0,"offset":1,"verdict":"clean"})";
  const auto repeated = Load(line + "\n" + line + "\n");
  ASSERT_TRUE(repeated.ok());
  EXPECT_EQ(repeated->at(0).size(), 1u);
  const auto contradicted =
      Load(line + "\n" + R"({"partition":0,"offset":1,"verdict":"late"})" + "\n");
  EXPECT_THAT(contradicted.status().message(), HasSubstr("contradict each other about 0@1"));
}

TEST_F(TruthTest, ALastLineThatWasCutOffIsLeftOut) {
  const auto truth =
      Load("{\"partition\":0,\"offset\":1,\"verdict\":\"clean\"}\n{\"partition\":0,\"off");
  ASSERT_TRUE(truth.ok()) << truth.status();
  EXPECT_EQ(truth->at(0).size(), 1u);
}

TEST_F(TruthTest, WhatIsNoTruthIsRefusedByLine) {
  for (const char* line : {"nonsense", "{}", R"({"partition":0,"offset":1,"verdict":"shiny"})",
                           R"({"partition":-1,"offset":1,"verdict":"clean"})", "[]"}) {
    const auto truth =
        Load(Concat(R"({"partition":0,"offset":0,"verdict":"clean"})", "\n", line, "\n"));
    EXPECT_THAT(truth.status().message(), HasSubstr(":2: ")) << line;
  }
  EXPECT_FALSE(LoadTruth("/nowhere/truth", &words_).ok());
}

}  // namespace
}  // namespace sluice::sluicectl
