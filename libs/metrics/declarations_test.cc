#include "metrics/declarations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace sluice::metrics {
namespace {

// Tests run in the source folder.
constexpr char kGolden[] = "tests/data/metrics.golden";

TEST(DeclarationsTest, AreThoseOfTheGoldenFile) {
  std::vector<std::string> golden;
  std::ifstream file(kGolden);
  ASSERT_TRUE(file) << kGolden;
  for (std::string line; std::getline(file, line);) golden.push_back(line);
  std::string all;
  for (const std::string& line : DescribeAll()) all += line + "\n";
  EXPECT_EQ(DescribeAll(), golden)
      << "a rename breaks dashboards and alerts; if it is meant, " << kGolden << " becomes:\n"
      << all;
}

TEST(DeclarationsTest, FollowTheNamingRules) {
  std::set<std::string> names;
  for (const std::string& line : DescribeAll()) {
    const std::string name = line.substr(0, line.find(' '));
    const bool counter = line.find(" counter ") != std::string::npos;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_THAT(name, ::testing::MatchesRegex("sluice_[a-z_]+"));
    EXPECT_EQ(name.ends_with("_total"), counter) << name;
    EXPECT_EQ(line.back(), '.') << line;
  }
}

TEST(DeclarationsTest, BucketsAscend) {
  for (int i = 0; i < static_cast<int>(HistogramId::kCount); ++i) {
    const std::vector<double>& buckets = Buckets(static_cast<HistogramId>(i));
    EXPECT_TRUE(std::is_sorted(buckets.begin(), buckets.end()));
    EXPECT_EQ(std::set<double>(buckets.begin(), buckets.end()).size(), buckets.size());
  }
}

}  // namespace
}  // namespace sluice::metrics
