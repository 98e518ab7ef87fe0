#pragma once
// absl::Status and gRPC's: the same canonical codes.

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace sluice::service {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace sluice::service
