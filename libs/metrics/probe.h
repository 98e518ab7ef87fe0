#pragma once
// Asks an endpoint (metrics/endpoint.h), usually this machine's own: what a container's health
// check runs, since an image has no curl.

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::metrics {

/// GET `path` from `address`, as a process was told to listen on it: a wildcard means loopback.
/// OK for 200. Else kUnavailable with what the endpoint says, or why nothing answers within
/// `timeout`; kInvalidArgument: not `host:port`.
absl::Status Probe(const std::string& address, const std::string& path, absl::Duration timeout);

/// The host at which a process that listens on `host` is reached from this machine.
std::string LocalHost(const std::string& host);

}  // namespace sluice::metrics
