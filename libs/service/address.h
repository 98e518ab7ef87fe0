#pragma once
// `host:port` as users write it in flags.

#include <string>

#include "absl/status/statusor.h"

namespace sluice::service {

struct Address {
  std::string host;  ///< `[::1]` keeps its brackets
  int port = 0;      ///< 0: any free one

  /// Whether only this machine reaches it.
  bool IsLoopback() const;
  std::string ToString() const;
};

/// kInvalidArgument when `text` is not `host:port` with a port of at most 65535.
absl::StatusOr<Address> ParseAddress(const std::string& text);

}  // namespace sluice::service
