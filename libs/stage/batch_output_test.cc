#include "stage/batch_output.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "batch/wire.h"

namespace sluice::stage {
namespace {

constexpr batch::Offset kEnd = 200;

/// A batch that ends there, in which a window has ended and another has begun.
batch::Coverage LastBatch() {
  batch::Coverage coverage;
  coverage.pipeline = "orders";
  coverage.topic = "raw";
  coverage.partition = 3;
  coverage.range = {100, kEnd};
  coverage.counts[0] = 7;
  coverage.contract = {"1.0.0", std::string(64, 'c')};
  coverage.state_from = 17;
  coverage.open_window = {150, std::string(64, 'c'), {{150, kEnd}, 5, 5, {1}}, std::nullopt};
  coverage.closed_windows = {{{0, 150}, 9, 8, {2}}};
  return coverage;
}

/// What the output asks the consumer group to remember of it, read again.
absl::StatusOr<batch::Coverage> Remembered(const batch::Coverage& last) {
  const Context context;
  BatchOutput output(context, "checked", "validated");
  output.Open(last.partition, last.range.next, last);
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(output.Note(last.partition), &bytes));
  return batch::DecodeCoverage(bytes);
}

TEST(BatchOutputTest, RemembersTheEndOfItsLastBatch) {
  const batch::Coverage last = LastBatch();
  const auto remembered = Remembered(last);
  ASSERT_TRUE(remembered.ok()) << remembered.status();
  EXPECT_EQ(remembered->range, (batch::Range{kEnd, kEnd}));
  EXPECT_EQ(batch::Total(remembered->counts), 0);
  EXPECT_TRUE(remembered->closed_windows.empty()) << "the batch itself had them";
  EXPECT_EQ(remembered->open_window, last.open_window);
  EXPECT_EQ(remembered->state_from, last.state_from);
  EXPECT_EQ(remembered->contract, last.contract);
}

TEST(BatchOutputTest, RemembersNoWindowsThatAreTooManyForAGroup) {
  batch::Coverage last = LastBatch();
  last.open_window.window.counted.assign(5000, 1);
  const auto remembered = Remembered(last);
  ASSERT_TRUE(remembered.ok()) << remembered.status();
  EXPECT_EQ(remembered->range, (batch::Range{kEnd, kEnd}));
  EXPECT_EQ(remembered->open_window, batch::OpenWindow{});
}

TEST(BatchOutputTest, HasNothingToRememberWithoutABatch) {
  const Context context;
  BatchOutput output(context, "checked", "validated");
  output.Open(0, 0, std::nullopt);
  EXPECT_EQ(output.Note(0), "");
  EXPECT_EQ(output.Note(1), "");
}

}  // namespace
}  // namespace sluice::stage
