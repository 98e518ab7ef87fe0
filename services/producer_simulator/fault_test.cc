#include "producer_simulator/fault.h"

#include <gtest/gtest.h>

#include <map>

#include "producer_simulator/hash.h"

namespace sluice::producer_simulator {
namespace {

double ShareOf(const FaultMix& mix, batch::Verdict verdict) {
  double share = 0;
  for (const auto& [label, part] : mix.Shares()) {
    if (Describe(*ParseFault(label)).verdict == verdict) share += part;
  }
  return share;
}

TEST(FaultTest, DefaultMixIsTwoPercentCorruptAndThreePercentFailed) {
  const FaultMix mix = FaultMix::Default();
  EXPECT_NEAR(ShareOf(mix, batch::Verdict::kCorrupt), 0.02, 1e-9);
  EXPECT_NEAR(ShareOf(mix, batch::Verdict::kFailed), 0.03, 1e-9);
}

TEST(FaultTest, EveryLabelIsFoundByItsName) {
  const std::vector<std::string_view> labels = FaultLabels();
  EXPECT_EQ(labels.size(), kFaultCount - 1);
  for (const std::string_view label : labels) {
    ASSERT_TRUE(ParseFault(label).has_value()) << label;
    EXPECT_EQ(Describe(*ParseFault(label)).label, label);
  }
  EXPECT_FALSE(ParseFault("").has_value());
  EXPECT_FALSE(ParseFault("nosuch").has_value());
}

TEST(FaultTest, CorruptFaultsAndOnlyTheseHaveAReason) {
  for (size_t i = 0; i < kFaultCount; ++i) {
    const FaultKind& kind = Describe(static_cast<Fault>(i));
    EXPECT_EQ(kind.reason.has_value(), kind.verdict == batch::Verdict::kCorrupt) << kind.label;
  }
}

TEST(FaultTest, PicksEachFaultAsOftenAsTheMixSays) {
  const FaultMix mix = FaultMix::Default();
  std::map<Fault, int> counts;
  constexpr int kRecords = 1'000'000;
  for (int i = 0; i < kRecords; ++i) ++counts[mix.Pick(Hash(7, i))];
  for (size_t i = 1; i < kFaultCount; ++i) {
    const Fault fault = static_cast<Fault>(i);
    const double expected = mix.ppm(fault);
    EXPECT_NEAR(counts[fault], expected, 5 * std::sqrt(expected) + 1) << Describe(fault).label;
  }
}

TEST(FaultTest, SharesTogetherAreAtMostOne) {
  FaultMix mix;
  EXPECT_TRUE(mix.Set(Fault::kNull, 600'000).ok());
  EXPECT_EQ(mix.Set(Fault::kLate, 400'001).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(mix.ppm(Fault::kLate), 0u);
  EXPECT_TRUE(mix.Set(Fault::kLate, 400'000).ok());
  EXPECT_TRUE(mix.Set(Fault::kNull, 100).ok());
  EXPECT_NE(mix.Pick(0), Fault::kNone);
}

TEST(FaultTest, ReadsShares) {
  EXPECT_EQ(*ParseShare("0.3%"), 3000u);
  EXPECT_EQ(*ParseShare("0.003"), 3000u);
  EXPECT_EQ(*ParseShare("1"), 1'000'000u);
  EXPECT_EQ(*ParseShare("0"), 0u);
  for (const char* wrong : {"", "%", "x", "-1%", "1.5", "101%", "nan"}) {
    EXPECT_FALSE(ParseShare(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::producer_simulator
