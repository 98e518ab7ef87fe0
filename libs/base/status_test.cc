#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(bool ok) {
  if (!ok) return absl::DataLossError("gone");
  return std::make_unique<int>(7);
}

absl::Status Use(bool ok, int* out) {
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<int> value, Make(ok));
  *out = *value;
  SLUICE_RETURN_IF_ERROR(absl::OkStatus());
  return absl::OkStatus();
}

TEST(StatusTest, MacrosPassErrorsOnAndMoveValues) {
  int value = 0;
  EXPECT_TRUE(Use(true, &value).ok());
  EXPECT_EQ(value, 7);
  EXPECT_TRUE(absl::IsDataLoss(Use(false, &value)));
}

TEST(StatusTest, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::AbortedError("fenced");
  status.SetPayload("sqlstate", absl::Cord("40001"));
  const absl::Status annotated = Annotate(status, "commit");
  EXPECT_EQ(annotated.message(), "commit: fenced");
  EXPECT_TRUE(absl::IsAborted(annotated));
  EXPECT_EQ(annotated.GetPayload("sqlstate"), absl::Cord("40001"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "commit").ok());
}

TEST(StatusTest, OnlyPassingTroubleIsRetryable) {
  EXPECT_TRUE(IsRetryable(absl::UnavailableError("")));
  EXPECT_TRUE(IsRetryable(absl::DeadlineExceededError("")));
  EXPECT_FALSE(IsRetryable(absl::AbortedError("")));
  EXPECT_FALSE(IsRetryable(absl::OkStatus()));
}

}  // namespace
}  // namespace sluice
