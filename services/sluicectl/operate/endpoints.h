#pragma once
// Which processes an address stands for.

#include <functional>
#include <string>
#include <vector>

namespace sluice::sluicectl {

/// The IPv4 addresses of a host name, as text; empty: none, or not known.
using Resolve = std::function<std::vector<std::string>(const std::string& host)>;
std::vector<std::string> ResolveByDns(const std::string& host);

/// `host:port` texts, with a name that has several addresses replaced by each of them: replicas
/// share a name (Docker's, or a headless Service's), and each is a process of its own. All others
/// stay as they were written.
std::vector<std::string> EachReplica(const std::vector<std::string>& endpoints,
                                     const Resolve& resolve = ResolveByDns);

}  // namespace sluice::sluicectl
