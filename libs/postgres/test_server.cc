#include "postgres/test_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres/connection.h"

namespace sluice::postgres {
namespace {

namespace fs = std::filesystem;

// The newest folder that has initdb: SLUICE_POSTGRES_BIN, Debian's versioned folders, or PATH.
std::string FindPrograms() {
  if (const char* folder = std::getenv("SLUICE_POSTGRES_BIN")) return folder;
  std::string best;
  int best_version = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    int version = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &version) && version > best_version &&
        fs::exists(entry.path() / "bin/initdb", error)) {
      best = (entry.path() / "bin").string();
      best_version = version;
    }
  }
  return best;
}

const passwd* ServerUser() {
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* user = getpwnam(name)) return user;
  }
  return nullptr;
}

// Runs `arguments` with its output in `log`; as the server's user when we are root.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const passwd* user = geteuid() == 0 ? ServerUser() : nullptr;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  dup2(out, 1);
  dup2(out, 2);
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
    _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  if (getppid() != parent) _exit(125);
  execv(argv[0], argv.data());
  _exit(127);
}

absl::Status Await(pid_t pid, const std::string& what, const std::string& log) {
  int state = 0;
  if (pid > 0 && waitpid(pid, &state, 0) == pid && WIFEXITED(state) && WEXITSTATUS(state) == 0)
    return absl::OkStatus();
  return absl::InternalError(Concat(what, " failed, see ", log));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestServer>> TestServer::Start() {
  std::unique_ptr<TestServer> server(new TestServer());
  server->programs_ = FindPrograms();
  if (server->programs_.empty())
    return absl::NotFoundError("PostgreSQL is not installed: no initdb");
  char folder[] = "/tmp/sluice-pg-XXXXXX";
  if (mkdtemp(folder) == nullptr) return absl::InternalError("mkdtemp failed");
  server->folder_ = folder;
  server->user_ = "tester";
  const std::string log = server->folder_ + "/log";
  if (geteuid() == 0) {
    const passwd* user = ServerUser();
    if (user == nullptr || chown(folder, user->pw_uid, user->pw_gid) != 0)
      return absl::InternalError("chown failed");
  }
  SLUICE_RETURN_IF_ERROR(Await(
      Spawn({server->programs_ + "/initdb", "-D", server->folder_ + "/data", "-U", server->user_,
             "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"},
            log),
      "initdb", log));
  server->url_ = Concat("postgresql://", server->user_, "@/postgres?host=", server->folder_);
  SLUICE_RETURN_IF_ERROR(server->Launch());
  return server;
}

absl::Status TestServer::Launch() {
  const std::string log = folder_ + "/log";
  pid_ = Spawn({programs_ + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-h", "", "-F",
                "-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "max_wal_size=1GB",
                "-c", "max_connections=30"},
               log);
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (absl::Now() < deadline) {
    if (Connection::Connect(url_, "sluice-test").ok()) return absl::OkStatus();
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    absl::SleepFor(absl::Milliseconds(10));  // polls for the start of a process
  }
  return absl::UnavailableError(Concat("PostgreSQL did not start, see ", log));
}

absl::StatusOr<std::string> TestServer::CreateDatabase(const std::string& name) {
  SLUICE_ASSIGN_OR_RETURN(auto connection, Connection::Connect(url_, "sluice-test"));
  SLUICE_RETURN_IF_ERROR(
      connection->Exec(Concat("CREATE DATABASE ", QuoteIdentifier(name))).status());
  return Concat("postgresql://", user_, "@/", name, "?host=", folder_);
}

void TestServer::Signal(int signal) {
  if (pid_ <= 0) return;
  // The postmaster's children are its sessions: each has its own process group, so they are found
  // by their parent.
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos || name_end + 4 > text.size()) continue;
    if (std::atoi(text.c_str() + name_end + 4) == pid_) kill(pid, signal);
  }
  kill(pid_, signal);
}

void TestServer::StopNow() {
  if (pid_ <= 0) return;
  Signal(SIGCONT);
  kill(pid_, SIGQUIT);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::Status TestServer::Restart() {
  StopNow();
  return Launch();
}

void TestServer::Freeze() { Signal(SIGSTOP); }
void TestServer::Thaw() { Signal(SIGCONT); }

TestServer::~TestServer() {
  StopNow();
  std::error_code error;
  if (!folder_.empty()) fs::remove_all(folder_, error);
}

}  // namespace sluice::postgres
