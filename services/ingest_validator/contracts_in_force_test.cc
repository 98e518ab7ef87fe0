#include "ingest_validator/contracts_in_force.h"

#include <gtest/gtest.h>

namespace sluice::ingest_validator {
namespace {

contract::Contract Own() {
  contract::Contract own;
  own.version = "1.2.0";
  own.content_hash = "ours";
  return own;
}

TEST(TakesOverTest, OursJudgesWhatNobodyHasJudgedBefore) { EXPECT_TRUE(*TakesOver(Own(), {})); }

TEST(TakesOverTest, TheHigherVersionIsInForce) {
  EXPECT_TRUE(*TakesOver(Own(), {"1.1.9", "theirs"}));
  EXPECT_TRUE(*TakesOver(Own(), {"1.2.0", "ours"}));
  EXPECT_FALSE(*TakesOver(Own(), {"1.10.0", "theirs"})) << "our file is behind the log";
}

TEST(TakesOverTest, AChangeWithoutANewVersionIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(TakesOver(Own(), {"1.2.0", "theirs"}).status()));
}

}  // namespace
}  // namespace sluice::ingest_validator
