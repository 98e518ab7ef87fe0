// The whole shell with a pipeline that does nothing: real gRPC, real HTTP, real signals.
#include "service/service.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "service/grpc_status.h"
#include "sluice/admin/v1/pipeline.grpc.pb.h"

namespace sluice::service {
namespace {

namespace pb = ::sluice::admin::v1;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(20);

class FakeTap : public TapStream {
 public:
  explicit FakeTap(const TapFilter& filter) : left_(filter.limit) {}
  std::optional<TappedRecord> Next(absl::Duration) override {
    TappedRecord record;
    record.offset = --left_;
    record.verdict = "clean";
    record.json = "{}";
    return record;
  }
  bool done() const override { return left_ == 0; }

 private:
  int64_t left_;
};

class FakeControl : public PipelineControl {
 public:
  PipelineStatus GetStatus() override {
    PipelineStatus status;
    status.pipeline = "fake";
    status.stage = "validated";
    status.state = paused_ ? "paused" : "running";
    PartitionStatus partition;
    partition.partition = 3;
    partition.state = PartitionState::kGap;
    partition.next = 17;
    partition.gap_first = 17;
    partition.gap_next = 20;
    partition.verdicts["clean"] = 5;
    status.partitions.push_back(partition);
    return status;
  }
  absl::Status Pause(const std::vector<int32_t>&) override {
    paused_ = true;
    return absl::OkStatus();
  }
  absl::Status Resume(const std::vector<int32_t>&) override {
    return absl::AbortedError("another owner");
  }
  absl::Status Drain() override { return absl::DeadlineExceededError("busy"); }
  absl::StatusOr<SeekResult> Seek(int32_t, int64_t offset, bool) override {
    return SeekResult{17, offset};
  }
  absl::StatusOr<SeekResult> Repair(int32_t, int64_t, bool) override {
    return absl::UnimplementedError("a sink");
  }
  absl::StatusOr<SeekResult> AcceptLoss(int32_t, bool) override {
    return absl::FailedPreconditionError("not stopped");
  }
  absl::StatusOr<std::unique_ptr<TapStream>> Tap(const TapFilter& filter) override {
    return std::unique_ptr<TapStream>(new FakeTap(filter));
  }
  absl::StatusOr<ReloadResult> ReloadContract() override {
    return ReloadResult{"1.2.0", "1.1.0", {{{"column a: required", false, true, "old"}}}};
  }
  std::string ConfigJson() override { return "{}"; }
  bool IsAlive() override { return alive_; }
  absl::Status IsReady() override {
    return ready_ ? absl::OkStatus() : absl::UnavailableError("no postgres");
  }

  std::atomic<bool> paused_ = false;
  std::atomic<bool> alive_ = true;
  std::atomic<bool> ready_ = true;
};

// What the test's thread and the runnable share.
struct Scenario {
  FakeControl control;
  std::atomic<bool> done = false;
  std::atomic<bool> failed = false;
  std::atomic<bool> stopped = false;
  std::function<absl::Status()> start = [] { return absl::OkStatus(); };
  std::function<absl::Status()> stop = [] { return absl::OkStatus(); };
};

class FakeRunnable : public Runnable {
 public:
  explicit FakeRunnable(Scenario* scenario) : scenario_(scenario) {}
  absl::Status Start() override { return scenario_->start(); }
  absl::Status Stop(absl::Duration timeout) override {
    EXPECT_GT(timeout, absl::Seconds(15));
    scenario_->stopped = true;
    return scenario_->stop();
  }
  PipelineControl* control() override { return &scenario_->control; }
  absl::Status Failure() override {
    return scenario_->failed ? absl::InternalError("broken") : absl::OkStatus();
  }
  bool Done() override { return scenario_->done; }

 private:
  Scenario* scenario_;
};

// Where the service listens: it says so in its log.
class Addresses {
 public:
  Addresses() {
    log::SetSinkForTesting([this](std::string_view line) { Note(std::string(line)); });
  }
  ~Addresses() { log::SetSinkForTesting(nullptr); }

  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoSeconds(kPatience),
                             [&] { return metrics_port_ != 0; });
  }
  std::string admin() const { return admin_; }
  int metrics_port() const { return metrics_port_; }

 private:
  static std::string Value(const std::string& line, const std::string& key) {
    const size_t begin = line.find(" " + key + "=");
    if (begin == std::string::npos) return "";
    const size_t value = begin + key.size() + 2;
    return line.substr(value, line.find(' ', value) - value);
  }
  void Note(const std::string& line) {
    const std::lock_guard lock(mutex_);
    const std::string metrics = Value(line, "metrics_address");
    if (metrics.empty()) return;
    admin_ = Value(line, "admin_address");
    metrics_port_ = std::stoi(metrics.substr(metrics.rfind(':') + 1));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string admin_;
  int metrics_port_ = 0;
};

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string response;
  const std::string request = Concat("GET ", path, " HTTP/1.0\r\n\r\n");
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), 0) > 0) {
    char buffer[4096];
    for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;)
      response.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return response;
}

// Polls until `condition`, so that no test depends on how fast the shell's loop turns.
bool Eventually(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

int RunFake(Scenario* scenario, std::vector<std::string> extra = {},
            const std::string& admin = "127.0.0.1:0", const std::string& metrics = "127.0.0.1:0") {
  ServiceDefinition definition;
  definition.name = "fake";
  definition.description = "for tests";
  definition.needs_pipeline = false;
  definition.build = [&](const CommonOptions&, const contract::PipelineConfig&) {
    return std::unique_ptr<Runnable>(new FakeRunnable(scenario));
  };
  std::vector<std::string> arguments = {"sluice-fake", "--admin-address", admin,
                                        "--metrics-address", metrics};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return RunService(static_cast<int>(argv.size()), argv.data(), definition);
}

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    // As RunService does, but before the client's thread exists: the signal must reach the service
    // only.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }

  // Runs the service, and `client` beside it until it returns; then SIGTERM unless the client ended
  // it otherwise.
  int RunWith(const std::function<void(pb::PipelineService::Stub&)>& client,
              bool terminate = true) {
    std::thread thread([&] {
      EXPECT_TRUE(addresses_.Wait());
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // whatever the environment says
      const auto stub = pb::PipelineService::NewStub(grpc::CreateCustomChannel(
          addresses_.admin(), grpc::InsecureChannelCredentials(), arguments));
      EXPECT_TRUE(Eventually([&] {
        return HttpGet(addresses_.metrics_port(), "/readyz").find(" 200 ") != std::string::npos;
      }));
      client(*stub);
      if (terminate) kill(getpid(), SIGTERM);
    });
    const int code = RunFake(&scenario_);
    thread.join();
    return code;
  }

  Scenario scenario_;
  Addresses addresses_;
};

TEST_F(ServiceTest, AnswersOverGrpcAndStopsOnSigterm) {
  const int code = RunWith([&](pb::PipelineService::Stub& stub) {
    grpc::ClientContext context;
    pb::GetStatusResponse status;
    ASSERT_TRUE(stub.GetStatus(&context, {}, &status).ok());
    EXPECT_EQ(status.service(), "fake");
    ASSERT_EQ(status.pipelines_size(), 1);
    const pb::PartitionStatus& partition = status.pipelines(0).partitions(0);
    EXPECT_EQ(partition.state(), pb::PARTITION_STATE_GAP);
    EXPECT_EQ(partition.gap_next(), 20);
    EXPECT_FALSE(partition.has_watermark_us());
    EXPECT_EQ(partition.verdicts().at("clean"), 5);

    grpc::ClientContext pause;
    pb::PauseResponse paused;
    EXPECT_TRUE(stub.Pause(&pause, {}, &paused).ok());
    EXPECT_TRUE(scenario_.control.paused_);

    grpc::ClientContext seek;
    pb::SeekRequest seek_request;
    seek_request.set_offset(7);
    pb::SeekResponse moved;
    EXPECT_TRUE(stub.Seek(&seek, seek_request, &moved).ok());
    EXPECT_EQ(moved.from(), 17);
    EXPECT_EQ(moved.to(), 7);
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(scenario_.stopped);
}

TEST_F(ServiceTest, ErrorsKeepTheirCode) {
  RunWith([&](pb::PipelineService::Stub& stub) {
    grpc::ClientContext resume, drain, repair, loss, unknown, level, tap;
    pb::ResumeResponse resumed;
    EXPECT_EQ(stub.Resume(&resume, {}, &resumed).error_code(), grpc::StatusCode::ABORTED);
    pb::DrainResponse drained;
    EXPECT_EQ(stub.Drain(&drain, {}, &drained).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    pb::RepairResponse repaired;
    EXPECT_EQ(stub.Repair(&repair, {}, &repaired).error_code(), grpc::StatusCode::UNIMPLEMENTED);
    pb::AcceptLossResponse accepted;
    EXPECT_EQ(stub.AcceptLoss(&loss, {}, &accepted).error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
    pb::GetStatusRequest other;
    other.set_pipeline("other");
    pb::GetStatusResponse status;
    EXPECT_EQ(stub.GetStatus(&unknown, other, &status).error_code(), grpc::StatusCode::NOT_FOUND);
    pb::SetLogLevelResponse previous;
    EXPECT_EQ(stub.SetLogLevel(&level, {}, &previous).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
    pb::TapRequest wrong;
    wrong.set_verdict("shiny");
    pb::TapResponse record;
    auto reader = stub.Tap(&tap, wrong);
    EXPECT_FALSE(reader->Read(&record));
    const grpc::Status refused = reader->Finish();
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(refused.error_message(), HasSubstr("`shiny`; there are: valid, "));
    grpc::ClientContext for_reason;
    wrong.clear_verdict();
    wrong.set_reason("ugly");
    reader = stub.Tap(&for_reason, wrong);
    EXPECT_FALSE(reader->Read(&record));
    const grpc::Status of_reason = reader->Finish();
    EXPECT_EQ(of_reason.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(of_reason.error_message(), HasSubstr("there is no reason `ugly`"));
  });
}

TEST_F(ServiceTest, StreamsEndAtTheirLimitAndWithTheProcess) {
  grpc::ClientContext watch;
  pb::WatchStatusResponse update;
  std::unique_ptr<grpc::ClientReader<pb::WatchStatusResponse>> watching;
  const int code = RunWith([&](pb::PipelineService::Stub& stub) {
    grpc::ClientContext tap;
    pb::TapRequest request;
    request.set_limit(5);
    auto reader = stub.Tap(&tap, request);
    pb::TapResponse record;
    int records = 0;
    while (reader->Read(&record)) ++records;
    EXPECT_EQ(records, 5);
    EXPECT_TRUE(reader->Finish().ok());
    watching = stub.WatchStatus(&watch, {});  // left open: it must not hold the stop up
    EXPECT_TRUE(watching->Read(&update));
  });
  EXPECT_EQ(code, 0);
  while (watching->Read(&update)) {
  }
  watching->Finish();
}

TEST_F(ServiceTest, HealthTellsAliveFromReady) {
  RunWith([&](pb::PipelineService::Stub&) {
    const int port = addresses_.metrics_port();
    scenario_.control.ready_ = false;
    EXPECT_THAT(HttpGet(port, "/healthz"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(HttpGet(port, "/readyz"), HasSubstr("no postgres"));
    scenario_.control.alive_ = false;
    EXPECT_THAT(HttpGet(port, "/healthz"), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(HttpGet(port, "/metrics"), HasSubstr("sluice_build_info{service=\"fake\""));
  });
}

TEST_F(ServiceTest, AProbeAsksTheProcessThatRuns) {
  const auto probe = [&](const std::string& question) {
    Scenario unused;
    return RunFake(&unused, {"--probe", question}, "127.0.0.1:0",
                   Concat("127.0.0.1:", addresses_.metrics_port()));
  };
  EXPECT_EQ(RunWith([&](pb::PipelineService::Stub&) {
              EXPECT_EQ(probe("ready"), 0);
              scenario_.control.ready_ = false;
              EXPECT_EQ(probe("ready"), 1);
              EXPECT_EQ(probe("alive"), 0);
              scenario_.control.alive_ = false;
              EXPECT_EQ(probe("alive"), 1);
              EXPECT_EQ(probe("well"), 2);
            }),
            0);
  EXPECT_EQ(probe("alive"), 1);
}

TEST_F(ServiceTest, IsNotReadyBeforeItStops) {
  std::string seen;
  scenario_.stop = [&] {
    seen = HttpGet(addresses_.metrics_port(), "/readyz");
    return absl::OkStatus();
  };
  EXPECT_EQ(RunWith([](pb::PipelineService::Stub&) {}), 0);
  EXPECT_THAT(seen, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(seen, HasSubstr("stopping"));
}

TEST_F(ServiceTest, EndsWith1WhenAPipelineFails) {
  EXPECT_EQ(
      RunWith([&](pb::PipelineService::Stub&) { scenario_.failed = true; }, /*terminate=*/false),
      1);
  EXPECT_TRUE(scenario_.stopped);
}

TEST_F(ServiceTest, EndsWith0WhenTheWorkIsDone) {
  EXPECT_EQ(
      RunWith([&](pb::PipelineService::Stub&) { scenario_.done = true; }, /*terminate=*/false), 0);
  EXPECT_TRUE(scenario_.stopped);
}

TEST_F(ServiceTest, EndsWith1WhenTheStopLeftDoubt) {
  scenario_.stop = [] { return absl::DeadlineExceededError("a batch is in doubt"); };
  EXPECT_EQ(RunWith([](pb::PipelineService::Stub&) {}), 1);
}

TEST_F(ServiceTest, APortThatIsTakenIsExitCode1) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_EQ(RunFake(&scenario_, {}, Concat("127.0.0.1:", ntohs(address.sin_port))), 1);
  EXPECT_FALSE(scenario_.stopped);
  close(fd);
}

TEST_F(ServiceTest, CheckStartsNothing) {
  scenario_.start = [] { return absl::InternalError("must not be called"); };
  EXPECT_EQ(RunFake(&scenario_, {"--check"}), 0);
}

TEST_F(ServiceTest, AWrongConfigurationIsExitCode2) {
  EXPECT_EQ(RunFake(&scenario_, {"--log-level", "loud"}), 2);
  scenario_.start = [] { return absl::InvalidArgumentError("no such column"); };
  EXPECT_EQ(RunFake(&scenario_), 2);
}

}  // namespace
}  // namespace sluice::service
