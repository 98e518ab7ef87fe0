#include "producer_simulator/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::producer_simulator {
namespace {

using ::testing::HasSubstr;

std::string MessageOf(std::string_view text) {
  return std::string(ParseProfile(text, "simulator.yaml").status().message());
}

TEST(ProfileTest, TheTelemetryProfileIsGood) {
  const absl::StatusOr<Profile> profile = LoadProfile("pipelines/telemetry/simulator.yaml");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->faults, FaultMix::Default());
  EXPECT_EQ(profile->cars, 200);
  EXPECT_EQ(profile->interval_us, 5'000'000);
}

TEST(ProfileTest, PlainValuesAreJsonAndQuotedOnesAreText) {
  const absl::StatusOr<Profile> profile = ParseProfile(
      "version: 1\nprofile: car_trips\nfaults: {wrong_type: 1%}\n"
      "variants: [{fault: wrong_type, set: {a: 1e400, b: null, c: \"5\", d: 'say \"hi\"', e: "
      "true}, rules: [r1, r2]}]\n",
      "simulator.yaml");
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->variants.size(), 1u);
  using Member = std::pair<std::string, std::string>;
  EXPECT_THAT(profile->variants[0].set,
              testing::ElementsAre(Member("a", "1e400"), Member("b", "null"), Member("c", "\"5\""),
                                   Member("d", "\"say \\\"hi\\\"\""), Member("e", "true")));
  EXPECT_THAT(profile->variants[0].rules, testing::ElementsAre("r1", "r2"));
}

TEST(ProfileTest, AllProblemsAreReportedWithTheirPlace) {
  const std::string message = MessageOf(
      "version: 2\nprofile: car_trips\nfleet: {cars: 0, start_time: soon}\nfaults: {nul: 1%, late: "
      "200%}\n"
      "variants:\n  - {fault: late, set: {a: 1}}\nspeed: 5\n");
  EXPECT_THAT(message, HasSubstr("simulator.yaml:1:10: error: the version is 1"));
  EXPECT_THAT(message, HasSubstr("1 to 1000000 cars"));
  EXPECT_THAT(message, HasSubstr("a time such as"));
  EXPECT_THAT(message, HasSubstr("no fault is called \"nul\"; did you mean \"null\"?"));
  EXPECT_THAT(message, HasSubstr("a share is between 0 and 1"));
  EXPECT_THAT(message, HasSubstr("this fault has no variants"));
  EXPECT_THAT(message, HasSubstr("speed"));
}

TEST(ProfileTest, AFaultOfVariantsNeedsOne) {
  EXPECT_THAT(MessageOf("version: 1\nprofile: car_trips\nfaults: {out_of_range: 1%}\n"),
              HasSubstr("the fault \"out_of_range\" needs a variant"));
}

TEST(ProfileTest, TheFingerprintIsOfTheRecordsAndNotOfTheMix) {
  const auto fingerprint = [](std::string_view text) {
    return ParseProfile(text, "f")->fingerprint;
  };
  const std::string base = fingerprint("version: 1\nprofile: car_trips\nfaults: {}\n");
  EXPECT_EQ(base, fingerprint("version: 1\nprofile: car_trips\nfaults: {late: 1%}\n"));
  EXPECT_NE(base, fingerprint("version: 1\nprofile: car_trips\nfaults: {}\nfleet: {cars: 7}\n"));
  EXPECT_NE(base, fingerprint("version: 1\nprofile: car_trips\nfaults: {}\nkey: trip_id\n"));
}

}  // namespace
}  // namespace sluice::producer_simulator
