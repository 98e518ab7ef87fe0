#include "metrics/probe.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/strings.h"

namespace sluice::metrics {
namespace {

constexpr size_t kMaxAnswer = 64 << 10;

// Closes itself.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status NoAnswer(const std::string& address, const char* why) {
  return absl::UnavailableError(Concat(address, " does not answer: ", why));
}

const char* Reason() {
  return errno == EINPROGRESS || errno == EAGAIN ? "too slow" : strerror(errno);
}

// All that the other side sends until it closes, cut at kMaxAnswer.
absl::Status Exchange(int fd, const std::string& request, std::string* answer) {
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return absl::UnavailableError(Reason());
  char buffer[4096];
  while (answer->size() < kMaxAnswer) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n < 0) return absl::UnavailableError(Reason());
    if (n == 0) break;
    answer->append(buffer, static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

std::string LocalHost(const std::string& host) {
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  return host == "[::]" ? "[::1]" : host;
}

absl::Status Probe(const std::string& address, const std::string& path, absl::Duration timeout) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    return absl::InvalidArgumentError(Concat("not an address (host:port): ", address));
  std::string host = LocalHost(address.substr(0, colon));
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) return NoAnswer(address, gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> target(found, &freeaddrinfo);

  const Socket socket(::socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit = absl::ToTimeval(timeout);
  // Of connect as well, on Linux.
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(socket.fd(), target->ai_addr, target->ai_addrlen) != 0)
    return NoAnswer(address, Reason());
  const std::string request =
      Concat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string answer;
  const absl::Status exchanged = Exchange(socket.fd(), request, &answer);
  if (!exchanged.ok()) return NoAnswer(address, std::string(exchanged.message()).c_str());
  if (answer.starts_with("HTTP/1.1 200 ")) return absl::OkStatus();
  const size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return NoAnswer(address, "not with HTTP");
  std::string said = answer.substr(body + 4);
  while (!said.empty() && said.back() == '\n') said.pop_back();
  return absl::UnavailableError(said.empty() ? answer.substr(0, answer.find('\r')) : said);
}

}  // namespace sluice::metrics
