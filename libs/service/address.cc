#include "service/address.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace sluice::service {

bool Address::IsLoopback() const {
  return host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
}

std::string Address::ToString() const { return Concat(host, ":", port); }

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos) address.host = text.substr(0, colon);
  const bool bare_ipv6 = address.host.find(':') != std::string::npos && address.host.front() != '[';
  if (address.host.empty() || bare_ipv6 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return absl::InvalidArgumentError(Concat("`", text, "` is not host:port"));
  }
  return address;
}

}  // namespace sluice::service
