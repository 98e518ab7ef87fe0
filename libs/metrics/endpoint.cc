#include "metrics/endpoint.h"

#include <CivetServer.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "metrics/probe.h"

namespace sluice::metrics {
namespace {

void Respond(mg_connection* connection, int code, const char* reason, std::string_view type,
             std::string_view body) {
  const std::string head = Concat("HTTP/1.1 ", code, " ", reason, "\r\nContent-Type: ", type,
                                  "\r\nContent-Length: ", body.size(),
                                  "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  mg_write(connection, body.data(), body.size());
}

class MetricsHandler : public CivetHandler {
 public:
  explicit MetricsHandler(Registry& registry) : registry_(registry) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    Respond(connection, 200, "OK", "text/plain; version=0.0.4; charset=utf-8",
            registry_.Serialize());
    return true;
  }

 private:
  Registry& registry_;
};

class ProbeHandler : public CivetHandler {
 public:
  explicit ProbeHandler(std::function<absl::Status()> probe) : probe_(std::move(probe)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const absl::Status status = probe_();
    if (status.ok()) {
      Respond(connection, 200, "OK", "text/plain; charset=utf-8", "ok\n");
    } else {
      Respond(connection, 503, "Service Unavailable", "text/plain; charset=utf-8",
              Concat(status.message(), "\n"));
    }
    return true;
  }

 private:
  std::function<absl::Status()> probe_;
};

}  // namespace

struct Endpoint::Server {
  Server(Registry& registry, Probes probes)
      : metrics(registry), alive(std::move(probes.alive)), ready(std::move(probes.ready)) {}
  MetricsHandler metrics;
  ProbeHandler alive;
  ProbeHandler ready;
  ~Server();

  std::string host;
  int port = 0;
  std::unique_ptr<CivetServer> http;  // last: stops its threads before the handlers go
};

// civetweb's listener sleeps for two seconds at a time and looks for the stop only between;
// connections wake it.
Endpoint::Server::~Server() {
  if (http == nullptr) return;
  std::atomic<bool> stopped = false;
  std::thread waker([&] {
    char error[128];
    while (!stopped) {
      if (mg_connection* connection =
              mg_connect_client(host.c_str(), port, /*use_ssl=*/0, error, sizeof(error))) {
        mg_close_connection(connection);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  http.reset();
  stopped = true;
  waker.join();
}

Endpoint::Endpoint(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Endpoint::~Endpoint() = default;
int Endpoint::port() const { return server_->port; }

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Start(const std::string& address,
                                                          Registry& registry, Probes probes) {
  if (address.rfind(':') == std::string::npos || address.find(',') != std::string::npos) {
    return absl::InvalidArgumentError(Concat("not an address (host:port): ", address));
  }
  auto server = std::make_unique<Server>(registry, std::move(probes));
  const std::vector<std::string> options = {
      "listening_ports",    address, "num_threads",       "2",
      "request_timeout_ms", "5000",  "enable_keep_alive", "no",
  };
  try {
    server->http = std::make_unique<CivetServer>(options);
  } catch (const CivetException& error) {
    return absl::UnavailableError(
        Concat("cannot serve metrics on ", address, ": is the port taken? (", error.what(), ")"));
  }
  server->http->addHandler("/metrics", server->metrics);
  server->http->addHandler("/healthz", server->alive);
  server->http->addHandler("/readyz", server->ready);
  server->host = LocalHost(address.substr(0, address.rfind(':')));
  server->port = server->http->getListeningPorts().at(0);
  return std::unique_ptr<Endpoint>(new Endpoint(std::move(server)));
}

}  // namespace sluice::metrics
