#include "metrics/endpoint.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strings.h"
#include "metrics/probe.h"

namespace sluice::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Get(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return "";
  const std::string request =
      Concat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  if (send(fd, request.data(), request.size(), 0) < 0) return "";
  std::string response;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;)
    response.append(buffer, static_cast<size_t>(n));
  close(fd);
  return response;
}

TEST(EndpointTest, ServesMetricsAndProbes) {
  Registry registry;
  registry.Get(CounterId::kLateRecords, {"p"}).Increment(3);
  absl::Status ready = absl::UnavailableError("postgres does not answer");
  auto endpoint = Endpoint::Start("127.0.0.1:0", registry,
                                  {[] { return absl::OkStatus(); }, [&] { return ready; }});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("sluice_late_records_total{pipeline=\"p\"} 3\n"));
  EXPECT_THAT(Get(port, "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string not_ready = Get(port, "/readyz");
  EXPECT_THAT(not_ready, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(not_ready, HasSubstr("postgres does not answer\n"));
  EXPECT_THAT(Get(port, "/elsewhere"), StartsWith("HTTP/1.1 404 "));
}

TEST(ProbeTest, SaysWhatTheEndpointSays) {
  Registry registry;
  absl::Status ready = absl::UnavailableError("postgres does not answer\nkafka neither");
  auto endpoint = Endpoint::Start("0.0.0.0:0", registry,
                                  {[] { return absl::OkStatus(); }, [&] { return ready; }});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const std::string address = Concat("0.0.0.0:", (*endpoint)->port());
  EXPECT_EQ(Probe(address, "/healthz", absl::Seconds(5)), absl::OkStatus());
  EXPECT_EQ(Probe(address, "/readyz", absl::Seconds(5)), ready);
  EXPECT_THAT(Probe(address, "/elsewhere", absl::Seconds(5)).code(),
              absl::StatusCode::kUnavailable);
  ready = absl::OkStatus();
  EXPECT_EQ(Probe(address, "/readyz", absl::Seconds(5)), absl::OkStatus());
}

TEST(ProbeTest, DoesNotWaitForEver) {
  // Listens, and never answers.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string silent = Concat("127.0.0.1:", ntohs(address.sin_port));
  EXPECT_THAT(std::string(Probe(silent, "/healthz", absl::Milliseconds(50)).message()),
              HasSubstr("does not answer: too slow"));
  close(fd);
  EXPECT_THAT(std::string(Probe(silent, "/healthz", absl::Seconds(5)).message()),
              HasSubstr("does not answer: Connection refused"));
  EXPECT_TRUE(absl::IsInvalidArgument(Probe("9102", "/healthz", absl::Seconds(5))));
}

TEST(EndpointTest, SaysWhenItCannotListen) {
  Registry registry;
  const Endpoint::Probes probes = {[] { return absl::OkStatus(); },
                                   [] { return absl::OkStatus(); }};
  auto first = Endpoint::Start("127.0.0.1:0", registry, probes);
  ASSERT_TRUE(first.ok());
  const auto second = Endpoint::Start(Concat("127.0.0.1:", (*first)->port()), registry, probes);
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  EXPECT_TRUE(absl::IsInvalidArgument(Endpoint::Start("9102", registry, probes).status()));
}

}  // namespace
}  // namespace sluice::metrics
