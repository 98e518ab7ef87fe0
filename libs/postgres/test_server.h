#pragma once
// A private PostgreSQL for one test program: a new cluster in a temporary folder, reached by a Unix
// socket only, without fsync. It ends with the object, and with the test's process if that dies. As
// root the server runs as `postgres` or `nobody`.

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::postgres {

class TestServer {
 public:
  /// Takes one to two seconds. kNotFound: PostgreSQL's programs are not installed.
  static absl::StatusOr<std::unique_ptr<TestServer>> Start();
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  /// Of the database `postgres`, as a superuser.
  const std::string& url() const { return url_; }
  /// Make an empty database; its URL.
  absl::StatusOr<std::string> CreateDatabase(const std::string& name);

  /// Stop at once, as a crash would; Restart brings the same data back.
  void StopNow();
  absl::Status Restart();
  /// Let the server's postmaster and all its sessions stand still, and go on (SIGSTOP, SIGCONT).
  void Freeze();
  void Thaw();

 private:
  TestServer() = default;
  absl::Status Launch();
  void Signal(int signal);

  std::string folder_;
  std::string programs_;
  std::string url_;
  std::string user_;
  pid_t pid_ = -1;
};

}  // namespace sluice::postgres
