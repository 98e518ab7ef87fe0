#pragma once
// The HTTP endpoint of a process: /metrics for Prometheus, /healthz and /readyz for orchestrators.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "metrics/metrics.h"

namespace sluice::metrics {

/// Serves from Start until destroyed, on threads of its own. Probes are called by them: they must
/// be fast and safe from any thread, and stay valid until the endpoint is destroyed.
class Endpoint {
 public:
  struct Probes {
    /// Whether the process should be left running. Never depends on Kafka or a sink.
    std::function<absl::Status()> alive;
    /// Whether it does its work now; the message says why not.
    std::function<absl::Status()> ready;
  };

  /// `address` is `host:port`; port 0 takes a free one. kInvalidArgument: not an address.
  /// kUnavailable: cannot listen there.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Start(const std::string& address,
                                                         Registry& registry, Probes probes);
  ~Endpoint();

  int port() const;

 private:
  struct Server;
  explicit Endpoint(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace sluice::metrics
