#include "sluicectl/operate/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

using ::testing::ElementsAre;

TEST(EndpointsTest, ANameWithSeveralAddressesIsSeveralProcesses) {
  const auto resolve = [](const std::string& host) -> std::vector<std::string> {
    if (host == "qc") return {"10.0.0.2", "10.0.0.3"};
    if (host == "storage-writer") return {"10.0.0.4"};
    return {};
  };
  EXPECT_THAT(EachReplica({"qc:7103", "storage-writer:7104", "nowhere:7102"}, resolve),
              ElementsAre("10.0.0.2:7103", "10.0.0.3:7103", "storage-writer:7104", "nowhere:7102"));
}

TEST(EndpointsTest, AnAddressIsItself) {
  EXPECT_THAT(EachReplica({"127.0.0.1:7102", "localhost:7103", "[::1]:7104"}),
              ElementsAre("127.0.0.1:7102", "localhost:7103", "[::1]:7104"));
}

}  // namespace
}  // namespace sluice::sluicectl
