#include "sluicectl/operate/endpoints.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "service/address.h"

namespace sluice::sluicectl {

// IPv4 only: `localhost` often has an address of each kind, and is one process.
std::vector<std::string> ResolveByDns(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    char text[INET_ADDRSTRLEN];
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ai_addr);
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    addresses.emplace_back(text);
  }
  // Docker answers in a random order; people like the same one every time.
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

std::vector<std::string> EachReplica(const std::vector<std::string>& endpoints,
                                     const Resolve& resolve) {
  std::vector<std::string> each;
  for (const std::string& endpoint : endpoints) {
    const auto address = service::ParseAddress(endpoint);
    const std::vector<std::string> hosts =
        address.ok() ? resolve(address->host) : std::vector<std::string>();
    if (hosts.size() < 2) {
      each.push_back(endpoint);
      continue;
    }
    for (const std::string& host : hosts) each.push_back(Concat(host, ":", address->port));
  }
  return each;
}

}  // namespace sluice::sluicectl
